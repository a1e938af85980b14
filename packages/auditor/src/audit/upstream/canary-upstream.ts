import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CanaryUpstream } from '../options.ts'
import { answerCanary } from './answer-canary.ts'

export interface OpenCanary extends CanaryUpstream, AsyncDisposable {
  readonly url: string
}

/** More than one audit leads to. */
const REQUESTS_MAX = 2000
const BODY_BYTES_MAX = 256 * 1024

/**
 * A small MCP server on loopback that the target is set up to call, and that keeps what it is sent: so one sees whether the token of a caller goes
 * on to others. With port 0 any that is free.
 */
export async function openCanaryUpstream(port: number): Promise<OpenCanary> {
  const kept: string[] = []
  const server = createServer((request, response) => void take(kept, request, response))
  server.requestTimeout = 10_000
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    requests: () => kept,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function take(kept: string[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > BODY_BYTES_MAX) break
      chunks.push(chunk)
    }
  } catch {
    return
  }
  const body = Buffer.concat(chunks).toString('utf8')
  if (kept.length < REQUESTS_MAX)
    kept.push([`${request.method ?? ''} ${request.url ?? ''}`, ...request.rawHeaders, body].join('\n'))
  const answer = bytes > BODY_BYTES_MAX ? { status: 413, body: null } : answerCanary(request.method ?? '', body)
  const text = answer.body === null ? '' : JSON.stringify(answer.body)
  response
    .writeHead(answer.status, text === '' ? { connection: 'close' } : { 'content-type': 'application/json' })
    .end(text)
}

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { FLOOD_TOOL } from '../payload.ts'
import { type Asked, answerText, isSse, LOG_MESSAGE } from './answers.ts'

// An MCP server (Streamable HTTP, stateful) that does as little as a correct one can: what is measured stands in front of it.
const FLOOD_EVENT = `data: ${JSON.stringify({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level: 'info', data: 'x'.repeat(16 * 1024) },
})}\n\n`
const FLOOD_BYTES_MAX = 64 * 1024 * 1024

/** Most bytes that one flood got rid of since `/flooded` was asked last. */
let flooded = 0

const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  if (request.method === 'GET' && request.url === '/flooded') {
    response.end(String(flooded))
    flooded = 0
  } else if (request.method === 'GET') listen(response)
  else if (request.method === 'DELETE') response.writeHead(204).end()
  else receive(request, response)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
})
process.stdin.on('end', () => process.exit(0)).resume()

function listen(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.flushHeaders()
}

function receive(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    // Our own clients and gateways send it; whatever else it were would throw and void the run.
    answer(JSON.parse(Buffer.concat(chunks).toString()) as Asked, response)
  })
}

function answer(asked: Asked, response: ServerResponse): void {
  const text = answerText(asked)
  if (text === null) {
    response.writeHead(202, { 'content-length': 0 }).end()
    return
  }
  const session = asked.method === 'initialize' ? { 'mcp-session-id': randomUUID() } : {}
  if (asked.params?.name === FLOOD_TOOL) void flood(response, text)
  else if (asked.method === 'tools/call' && isSse(asked.params?.name)) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    response.write(`event: message\ndata: ${LOG_MESSAGE}\n\n`)
    response.end(`event: message\ndata: ${text}\n\n`)
  } else {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...session,
    })
    response.end(text)
  }
}

async function flood(response: ServerResponse, text: string): Promise<void> {
  let sent = 0
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  while (sent < FLOOD_BYTES_MAX && !response.destroyed) {
    sent += FLOOD_EVENT.length
    flooded = Math.max(flooded, sent)
    if (response.write(FLOOD_EVENT)) continue
    await new Promise((resolve) => {
      response.once('drain', resolve)
      response.once('close', resolve)
    })
  }
  response.end(`data: ${text}\n\n`)
}

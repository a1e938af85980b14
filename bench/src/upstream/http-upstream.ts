import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { FLOOD_TOOL, isPlanted } from '../payload.ts'
import { type Asked, answerText, isSse, LOG_MESSAGE, modernAnswerText } from './answers.ts'
import { flood, takeFlooded } from './flood.ts'
import { plant, takePlanted } from './plant.ts'

// An MCP server (Streamable HTTP) that does as little as a correct one can: what is measured stands in front of it. `/mcp` has sessions,
// `/modern` is the revision without them. Arguments: certificate and key, for the second port.
const [, , cert = '', key = ''] = process.argv
const OPTIONS = { keepAliveTimeout: 120_000 }
const plain = createServer(OPTIONS, handle)
const encrypted = createTlsServer({ ...OPTIONS, cert: readFileSync(cert), key: readFileSync(key) }, handle)
await Promise.all([plain, encrypted].map((one) => new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))))
process.stdout.write(`${portOf(plain.address())} ${portOf(encrypted.address())}\n`)
process.stdin.on('end', () => process.exit(0)).resume()

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function handle(request: IncomingMessage, response: ServerResponse): void {
  const { method, url } = request
  if (method === 'GET' && url === '/flooded') response.end(String(takeFlooded()))
  else if (method === 'GET' && url === '/planted') response.end(JSON.stringify(takePlanted()))
  else if (method === 'GET') listen(response)
  else if (method === 'DELETE') response.writeHead(204).end()
  else receive(request, response)
}

function listen(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.flushHeaders()
}

function receive(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    // Our own clients and gateways send it; whatever else it were would throw and void the run.
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as Asked
    const tool = asked.params?.name ?? ''
    const isModern = request.url === '/modern'
    if (isPlanted(tool)) void plant(response, asked, tool, request.headers.authorization ?? '')
    else if (tool === FLOOD_TOOL) void flood(response, answerText(asked) ?? '')
    else if (isModern) answerModern(asked, response)
    else answer(asked, response)
  })
}

function answer(asked: Asked, response: ServerResponse): void {
  const text = answerText(asked)
  if (text === null) {
    response.writeHead(202, { 'content-length': 0 }).end()
    return
  }
  if (isSse(asked)) stream(response, text)
  else sendJson(response, text, asked.method === 'initialize' ? { 'mcp-session-id': randomUUID() } : {})
}

function answerModern(asked: Asked, response: ServerResponse): void {
  const text = modernAnswerText(asked)
  if (isSse(asked)) stream(response, text)
  else sendJson(response, text, {})
}

function stream(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.write(`event: message\ndata: ${LOG_MESSAGE}\n\n`)
  response.end(`event: message\ndata: ${text}\n\n`)
}

function sendJson(response: ServerResponse, text: string, headers: Readonly<Record<string, string>>): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

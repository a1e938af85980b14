import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMcpServer } from './create-mcp-server.ts'
import type { Notebook } from './notebook.ts'
import { createSessions, type Sessions } from './sessions.ts'

export interface ServingOptions {
  readonly notebook: Notebook
  /** 0 takes a free port. */
  readonly port: number
  /** When given, every request must carry it as a bearer credential. */
  readonly token: string | null
}

export interface Serving {
  readonly port: number
  close(): Promise<void>
}

/** Serves MCP at http://127.0.0.1:{port}/mcp, on loopback only. */
export async function serveHttp({ notebook, port, token }: ServingOptions): Promise<Serving> {
  const sessions = createSessions(() => createMcpServer(notebook))
  const server = createServer((request, response) => {
    answer(request, response, sessions, token).catch(() => {
      if (response.headersSent) response.destroy()
      else refuse(response, 500, 'internal error')
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port, // a TCP server that listens has an address object
    async close() {
      await sessions.closeAll()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  sessions: Sessions,
  token: string | null,
): Promise<void> {
  // MCP 2025-11-25, Transports, Security Warning: a page in a browser must not reach us through a name of its own.
  if (!isLoopbackAuthority(request.headers.host)) return refuse(response, 421, 'this host is not served here')
  const origin = request.headers.origin
  if (origin !== undefined && !isLoopbackOrigin(origin)) return refuse(response, 403, 'this origin is not allowed')
  if (request.url !== '/mcp') return refuse(response, 404, 'there is nothing here')
  if (token !== null && !carries(request, token)) {
    response.setHeader('WWW-Authenticate', 'Bearer realm="notes"')
    return refuse(response, 401, 'the credential is missing or wrong')
  }
  const id = request.headers['mcp-session-id']
  if (id === undefined && request.method !== 'POST') return refuse(response, 400, 'Mcp-Session-Id is missing')
  const transport = typeof id === 'string' ? sessions.get(id) : await sessions.open()
  // MCP 2025-11-25, Session Management: an unknown session is 404, so that the client starts a new one.
  if (transport === undefined) return refuse(response, 404, 'this session is over')
  if (transport === null) return refuse(response, 503, 'too many sessions')
  await transport.handleRequest(request, response)
}

function isLoopbackAuthority(authority: string | undefined): boolean {
  return /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/.test(authority ?? '')
}

function isLoopbackOrigin(origin: string): boolean {
  return origin.startsWith('http://') && isLoopbackAuthority(origin.slice('http://'.length))
}

/** Compares hashes, so that the time it takes says nothing about the token. */
function carries(request: IncomingMessage, token: string): boolean {
  const sha256 = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(sha256(request.headers.authorization ?? ''), sha256(`Bearer ${token}`))
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32000, message } }))
}

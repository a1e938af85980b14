import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'

/** A local server that counts what reaches it, for proofs that nothing did. */
export interface CountingServer {
  readonly port: number
  readonly origin: string
  /** TCP connections accepted so far. */
  connections(): number
  /** HTTP requests that arrived so far: `METHOD path`. */
  requests(): readonly string[]
  /** Connections still open. */
  open(): number
  close(): Promise<void>
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export async function startHttp(
  answer: Answer,
  tls?: { readonly key: string; readonly cert: string },
): Promise<CountingServer> {
  const requests: string[] = []
  const onRequest: Answer = (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    answer(request, response)
  }
  const server = tls === undefined ? createHttpServer(onRequest) : createHttpsServer(tls, onRequest)
  server.on('tlsClientError', () => {})
  return await listen(server, tls === undefined ? 'http' : 'https', requests)
}

/** Speaks bytes, not HTTP: for answers that no HTTP library would write. */
export async function startRaw(onSocket: (socket: Socket) => void): Promise<CountingServer> {
  return await listen(
    createTcpServer((socket) => {
      onSocket(socket)
      // A socket nobody reads never learns that the other side is gone.
      socket.resume()
    }),
    'http',
    [],
  )
}

async function listen(server: Server, scheme: string, requests: readonly string[]): Promise<CountingServer> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  // A TCP server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo
  return {
    port,
    origin: `${scheme}://127.0.0.1:${port}`,
    connections: () => connections,
    requests: () => requests,
    open: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

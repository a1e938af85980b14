import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { UpstreamSpec } from '#core/snapshot.ts'
import { Inbox } from './inbox.ts'

const RELAY = fileURLToPath(new URL('relay.ts', import.meta.url))

/** One message as the gateway sent it to the server, by whatever transport. */
export interface Arrival {
  /** `line` for a line of a process. */
  readonly method: string
  readonly headers: IncomingMessage['headers']
  /** Empty for GET and DELETE. */
  readonly body: string
  /** Null for a line of a process. */
  readonly response: ServerResponse | null
  /** Writes to the process; HTTP is answered by `response`. */
  readonly write: (text: string) => void
}

/** The server's place: takes everything and answers nothing, until a test does. */
export interface Upstream {
  readonly spec: UpstreamSpec
  readonly arrivals: Inbox<Arrival>
  /** To the latest process. */
  readonly write: (text: string) => void
  close(): Promise<void>
}

export async function openHttpUpstream(): Promise<Upstream> {
  const arrivals = new Inbox<Arrival>(({ method, body }) => `${method} ${body}`)
  const write = () => {
    throw new Error('HTTP answers a request')
  }
  const server = createHttpServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { method = '', headers } = incoming
      arrivals.put({ method, headers, body: Buffer.concat(chunks).toString(), response, write })
    })
  })
  const url = `http://127.0.0.1:${await listen(server)}/mcp`
  return {
    spec: { kind: 'http', url, headers: new Map(), network: 'loopback' },
    arrivals,
    write,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A process that relays its standard streams to this one. */
export async function openStdioUpstream(): Promise<Upstream> {
  const arrivals = new Inbox<Arrival>(({ body }) => body)
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    let rest = ''
    socket.setEncoding('utf8')
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      const write = (text: string) => void socket.write(text)
      for (const body of lines) arrivals.put({ method: 'line', headers: {}, body, response: null, write })
    })
  })
  const port = await listen(server)
  return {
    spec: { kind: 'stdio', command: process.execPath, args: [RELAY, String(port)], env: new Map(), cwd: null },
    arrivals,
    write: (text) => void sockets.at(-1)?.write(text),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // It listens on an address and a port, so that is what it answers.
  return (server.address() as AddressInfo).port
}

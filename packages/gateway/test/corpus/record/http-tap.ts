import { createServer, request } from 'node:http'
import type { HttpEvent } from '../recording.ts'

export interface HttpTap {
  readonly url: string
  readonly events: readonly HttpEvent[]
  /** Ends what is still open and takes no more. */
  close(): Promise<void>
}

/** Stands on loopback between a client and a server, hands every byte of a body on as it came, and notes what passed in order. */
export async function openHttpTap(target: string): Promise<HttpTap> {
  const { hostname, port, pathname, host } = new URL(target)
  const events: HttpEvent[] = []
  let exchanges = 0
  let isClosed = false
  const note = (event: HttpEvent) => {
    if (!isClosed) events.push(event)
  }
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      exchanges += 1
      const exchange = exchanges
      const bytes = Buffer.concat(chunks)
      const { method = 'GET', url: path = '/', rawHeaders } = incoming
      note({ at: 'request', exchange, method, path, headers: pairs(rawHeaders), body: lossless(bytes) })
      const headers = { ...incoming.headers, host }
      const outgoing = request({ hostname, port, path, method, headers }, (answer) => {
        const status = answer.statusCode ?? 0
        note({ at: 'head', exchange, status, headers: pairs(answer.rawHeaders) })
        response.writeHead(status, answer.headers)
        // A stream may be silent for long after its head.
        response.flushHeaders()
        answer.on('data', (chunk: Buffer) => {
          note({ at: 'body', exchange, text: lossless(chunk) })
          response.write(chunk)
        })
        answer.on('end', () => {
          note({ at: 'end', exchange })
          response.end()
        })
        answer.once('error', () => response.destroy())
      })
      outgoing.once('error', () => response.destroy())
      response.once('close', () => {
        if (response.writableEnded) return
        note({ at: 'left', exchange })
        outgoing.destroy()
      })
      outgoing.end(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}${pathname}`,
    events,
    close: async () => {
      isClosed = true
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, at) => [raw[at * 2] ?? '', raw[at * 2 + 1] ?? ''])
}

/** A chunk that ends inside a character would be changed by being read as text; then the recording is not made. */
function lossless(bytes: Buffer): string {
  const text = bytes.toString()
  if (!Buffer.from(text).equals(bytes)) throw new Error('what passed is not whole UTF-8; record it in another way')
  return text
}

import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BadTokenLimit } from '../mutants/reference/resource/limit-bad-tokens.ts'

export interface Guarded extends AsyncDisposable {
  readonly origin: string
  serve(listener: RequestListener): void
  /** Moves the clock by which bad tokens are limited. */
  advance(ms: number): void
}

/** What stands before the frameworks, as a reverse proxy does: one name, no foreign pages, one token a request, few bad ones. */
export async function listenGuarded(): Promise<Guarded> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let aheadMs = 0
  const startedMs = Date.now()
  const limit = new BadTokenLimit(() => startedMs + aheadMs)
  return {
    origin,
    advance: (ms) => {
      aheadMs += ms
    },
    serve: (listener) =>
      void server.on('request', (request, response) => {
        const status = refusal(request, origin, limit)
        if (status !== null) return refuse(response, status)
        response.once('finish', () => {
          if (response.statusCode === 401 && request.headers.authorization !== undefined) limit.count()
        })
        return listener(request, response)
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function refusal({ headers, headersDistinct }: IncomingMessage, origin: string, limit: BadTokenLimit): number | null {
  if (headers.host !== new URL(origin).host) return 421
  if (headers.origin !== undefined && headers.origin !== origin) return 403
  if ((headersDistinct['authorization']?.length ?? 0) > 1) return 400
  return headers.authorization !== undefined && limit.isReached() ? 429 : null
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' }).end('{"error":"refused"}')
}

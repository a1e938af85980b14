import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Person } from '../options.ts'

export interface LoopbackPerson extends Person {
  close(): Promise<void>
}

/** How long somebody may take at the pages of the authorization server. */
const ANSWER_MS = 300_000
/** How long an answer that nobody clicked for may take. */
const HANDS_OFF_MS = 8000
const PATH = '/callback'

/**
 * Somebody at a browser of this machine: is told the address to open, and what comes back is caught on loopback (RFC 8252 §7.3). Nothing is
 * opened by itself: the address comes from the target.
 */
export async function loopbackPerson(tell: (line: string) => void): Promise<LoopbackPerson> {
  const waiting = new Set<(response: URL) => void>()
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    if (request.method !== 'GET' || url.pathname !== PATH) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    })
    response.end('Thank you. The audit goes on; this page can be closed.\n')
    for (const take of waiting) take(url)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`
  return {
    redirectUri,
    authorize: (url, { isHandsOff }) => {
      tell(
        isHandsOff
          ? 'Open this, and click NOTHING on the page that may come:'
          : 'Open this, log in, and allow what is asked for:',
      )
      tell(url)
      return nextResponse(waiting, redirectUri, isHandsOff ? HANDS_OFF_MS : ANSWER_MS)
    },
    close: () => close(server),
  }
}

function nextResponse(waiting: Set<(response: URL) => void>, redirectUri: string, waitMs: number): Promise<URL | null> {
  return new Promise((resolve) => {
    const done = (response: URL | null) => {
      waiting.delete(take)
      clearTimeout(timer)
      resolve(response)
    }
    const take = (response: URL) => done(new URL(`${response.pathname}${response.search}`, redirectUri))
    const timer = setTimeout(() => done(null), waitMs)
    waiting.add(take)
  })
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

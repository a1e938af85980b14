import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import type { AuthorizationEnd, Person } from '../options.ts'

export interface LoopbackPerson extends Person {
  close(): Promise<void>
}

/** How long somebody may take at the pages of the authorization server. */
const ANSWER_MS = 300_000
const PATH = '/callback'

/**
 * Somebody at a browser of this machine: is told the address to open, and what comes back is caught on loopback (RFC 8252 §7.3). Nothing is
 * opened by itself: the address comes from the target. That the browser stays at a page they say by a line on `stdin`.
 */
export async function loopbackPerson(tell: (line: string) => void, stdin: Readable): Promise<LoopbackPerson> {
  const waiting = new Set<(end: AuthorizationEnd) => void>()
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
    for (const take of waiting) take(new URL(`${url.pathname}${url.search}`, redirectUri))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`
  return {
    redirectUri,
    authorize: async (url, { isHandsOff }) => {
      tell(
        isHandsOff
          ? 'Open this, and click NOTHING. When a page asks for something, press Enter here:'
          : 'Open this, log in, and allow what is asked for. If the browser stays at an error, press Enter here:',
      )
      tell(url)
      return await nextEnd(waiting, stdin)
    },
    close: () => close(server),
  }
}

function nextEnd(waiting: Set<(end: AuthorizationEnd) => void>, stdin: Readable): Promise<AuthorizationEnd> {
  return new Promise((resolve) => {
    const done = (end: AuthorizationEnd) => {
      waiting.delete(done)
      clearTimeout(timer)
      stdin.off('data', onData)
      stdin.pause()
      resolve(end)
    }
    const onData = (typed: Buffer | string) => {
      if (String(typed).includes('\n')) done('page')
    }
    const timer = setTimeout(() => done(null), ANSWER_MS)
    waiting.add(done)
    stdin.on('data', onData)
  })
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

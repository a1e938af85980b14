import { createServer, type IncomingHttpHeaders, request } from 'node:http'

export interface BearerShim {
  readonly url: string
  close(): Promise<void>
}

/**
 * What the suite's server runner lacks: a way to send a token. Listens on loopback, adds `Authorization`, and passes
 * everything else on as it came, streams and status included. A Host or Origin that names the shim becomes the
 * target's; any other (the DNS rebinding scenario sends one) reaches the target unchanged.
 */
export async function startBearerShim(target: string, token: string): Promise<BearerShim> {
  const { host, hostname, port, pathname } = new URL(target)
  let own = ''
  const server = createServer((incoming, response) => {
    const headers = { ...renamed(incoming.headers, own, host), authorization: `Bearer ${token}` }
    const outgoing = request({ hostname, port, path: pathname, method: incoming.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      // A stream may be silent for long after its head.
      response.flushHeaders()
      answer.pipe(response)
      answer.once('error', () => response.destroy())
    })
    outgoing.once('error', () => response.destroy())
    response.once('close', () => outgoing.destroy())
    incoming.pipe(outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the shim has no port')
  own = `127.0.0.1:${address.port}`
  return {
    url: `http://${own}${pathname}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function renamed(headers: IncomingHttpHeaders, own: string, host: string): IncomingHttpHeaders {
  const { origin } = headers
  return {
    ...headers,
    host: headers.host === own ? host : headers.host,
    ...(origin === undefined ? {} : { origin: origin === `http://${own}` ? `http://${host}` : origin }),
  }
}

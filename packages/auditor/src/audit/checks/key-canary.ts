import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Audit } from '../audit.ts'
import { isLoopback } from '../exchange/address-guard.ts'
import { OWN_KID } from './forged-tokens.ts'

/** What a target that follows addresses in a token asks for. */
export interface KeyCanary {
  /** Null where the target could not reach it: it is not on this machine. */
  readonly address: string | null
  /** How often it was asked so far. */
  hits(): Promise<number>
}

/** Publishes a key on loopback for as long as `use` takes: as keys, and as the keys of an issuer (RFC 8414, OpenID Connect Discovery). */
export async function withKeyCanary<T>(
  audit: Audit,
  publicKey: KeyObject,
  use: (canary: KeyCanary) => Promise<T>,
): Promise<T> {
  if (!isLoopback(new URL(audit.target.url).hostname)) return use({ address: null, hits: () => Promise.resolve(0) })
  let hits = 0
  const server = createServer()
  // In a replay nothing is opened: what was seen is in the recording.
  const address = await audit.observe('the address of a listener with keys', async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: OWN_KID, alg: 'ES256', use: 'sig' }
    server.on('request', (request, response) => {
      hits += 1
      const isMetadata = request.url?.includes('/.well-known/') === true
      const document = isMetadata ? { issuer: origin, jwks_uri: `${origin}/jwks` } : { keys: [jwk] }
      response.writeHead(200, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(document))
    })
    return origin
  })
  try {
    return await use({ address, hits: () => audit.observe('requests for keys', () => Promise.resolve(hits)) })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

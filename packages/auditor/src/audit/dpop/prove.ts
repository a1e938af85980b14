import { createHash, type KeyPairKeyObjectResult, sign } from 'node:crypto'

interface Proven {
  readonly method: string
  readonly url: string
  readonly nowSeconds: number
  readonly jti: string
  /** What the server wants to see in it; null where it wants nothing. */
  readonly nonce: string | null
  /** The token that it goes with; null at the token endpoint. */
  readonly accessToken: string | null
}

/** RFC 9449 §4.2: a proof that whoever sends this request has the key. */
export function prove({ privateKey, publicKey }: KeyPairKeyObjectResult, proven: Proven): string {
  const { method, url, nowSeconds, jti, nonce, accessToken } = proven
  const { origin, pathname } = new URL(url)
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) }
  const claims = {
    jti,
    htm: method,
    htu: `${origin}${pathname}`,
    iat: nowSeconds,
    ...(nonce === null ? {} : { nonce }),
    ...(accessToken === null ? {} : { ath: createHash('sha256').update(accessToken).digest('base64url') }),
  }
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

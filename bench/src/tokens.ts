import { createPrivateKey, type JsonWebKey, sign } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { decodeJwt, type JWTPayload } from 'jose'
import { openSealer } from '../../packages/gateway/src/keys/sealer.ts'

/** The longest that the gateway believes. */
const LIFE_SECONDS = 1_800

/**
 * Signs more tokens of a grant that exists, with the gateway's own key: a hundred thousand by the front door would take the hour.
 * Only the operator of a state folder can do this; here that is the benchmark.
 */
export interface TokenForge {
  /** Like the token of the flow but for its id and these claims. */
  sign(claims?: JWTPayload): string
}

export async function openForge(stateDir: string, issued: string): Promise<TokenForge> {
  const db = new DatabaseSync(join(stateDir, 'sallyport.db'), { readOnly: true })
  const row = db.prepare(`select tenant, kid, sealed from signing_keys where purpose = 'accessToken'`).get()
  db.close()
  if (row === undefined) throw new Error('the state holds no signing key')
  const { tenant, kid, sealed } = row
  const sealer = await openSealer(join(stateDir, 'keys', 'sealing.key'))
  // The column is a blob.
  const opened = sealer.open(sealed as Uint8Array, `${String(tenant)}|accessToken|${String(kid)}`)
  // Sealed by the gateway, as the JWK of its key.
  const key = createPrivateKey({ key: JSON.parse(Buffer.from(opened).toString()) as JsonWebKey, format: 'jwk' })
  const claims = decodeJwt(issued)
  const header = encoded({ alg: 'ES256', typ: 'at+jwt', kid: String(kid) })
  let signed = 0
  return {
    sign: (changed = {}) => {
      signed += 1
      const iat = Math.floor(Date.now() / 1000)
      const jti = `${claims.jti}-${iat}-${signed}`
      const content = `${header}.${encoded({ ...claims, iat, exp: iat + LIFE_SECONDS, jti, ...changed })}`
      // RFC 7518 §3.4: R and S side by side. With a library's promises around it the hundred thousand take a minute.
      const signature = sign('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' })
      return `${content}.${signature.toString('base64url')}`
    },
  }
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

/** Tokens that every candidate that checks tokens must refuse, by what is wrong with them. */
export function badTokens(forge: TokenForge, good: string): Readonly<Record<string, string | null>> {
  const now = Math.floor(Date.now() / 1000)
  const [header = '', payload = '', signature = ''] = good.split('.')
  const other = signature.startsWith('A') ? 'B' : 'A'
  return {
    missing: null,
    tampered: `${header}.${payload}.${other}${signature.slice(1)}`,
    expired: forge.sign({ iat: now - 600, exp: now - 5 }),
    'of another audience': forge.sign({ aud: 'http://127.0.0.1:1/mcp/other' }),
    'of another issuer': forge.sign({ iss: 'http://127.0.0.1:1' }),
    unsigned: `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`,
  }
}

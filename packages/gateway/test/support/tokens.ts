import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import type { Clock } from '#core/clock.ts'
import { asClientId, asGrantId, asServerId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import type { NewGrant } from '#store/ports/grants.ts'
import type { Store } from '#store/ports/store.ts'

export const ISSUER = 'http://127.0.0.1:8700'
export const FILES = 'http://127.0.0.1:8700/mcp/files'
export const NOTES = 'http://127.0.0.1:8700/mcp/notes'

/** A clock that stands still until it is moved; both of its hands move together. */
export interface FakeClock extends Clock {
  advanceMs(ms: number): void
}

export function fakeClock(startMs = 1_800_000_000_000): FakeClock {
  let elapsedMs = 0
  return {
    nowSeconds: () => Math.floor((startMs + elapsedMs) / 1000),
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => 5_000 + elapsedMs,
    advanceMs: (ms) => {
      elapsedMs += ms
    },
  }
}

export interface TokenMint {
  readonly publicJwks: readonly JWK[]
  readonly privateKey: CryptoKey
  /** Signs what the authorization server would, with these claims and header members changed; undefined leaves a claim out. */
  mint(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
}

export async function createMint(clock: Clock): Promise<TokenMint> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const publicJwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }
  let count = 0
  return {
    publicJwks: [publicJwk],
    privateKey,
    mint: (claims = {}, header = {}) => {
      count += 1
      const now = clock.nowSeconds()
      const payload = {
        iss: ISSUER,
        sub: 'subject-1',
        aud: FILES,
        client_id: 'client-1',
        scope: 'files:read files:write',
        iat: now,
        exp: now + 900,
        jti: `jti-${count}`,
        gid: 'grant-1',
        ...claims,
      }
      return new SignJWT(payload)
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1', ...header })
        .sign(privateKey)
    },
  }
}

export function testGrant(clock: Clock, changes: Partial<NewGrant> = {}): NewGrant {
  return {
    tenant: DEFAULT_TENANT,
    grantId: asGrantId('grant-1'),
    subject: asSubjectId('subject-1'),
    clientId: asClientId('client-1'),
    server: asServerId('files'),
    resource: FILES,
    scopes: ['files:read', 'files:write'],
    createdAt: clock.nowSeconds(),
    expiresAt: clock.nowSeconds() + 14_400,
    ...changes,
  }
}

export async function openGrant(store: Store, grant: NewGrant): Promise<void> {
  const { outcome } = await store.engine.commit(grant.tenant, [{ kind: 'openGrant', grant }], [])
  if (outcome !== 'committed') throw new Error(`opening a test grant: ${outcome}`)
}

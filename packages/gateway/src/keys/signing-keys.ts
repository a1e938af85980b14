import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import { type Random, randomToken } from '#core/random.ts'
import type { AuditEntry } from '#store/ports/audit.ts'
import type { SigningKeysPort, StoredSigningKey } from '#store/ports/signing-keys.ts'
import { SealBroken, type Sealer } from './sealer.ts'

const TOKEN_ALGORITHM = 'ES256'
const COOKIE_ALGORITHM = 'HS256'
const COOKIE_KEY_BYTES = 32
const KEY_ID_BYTES = 12

/** The keys of one tenant, opened. `privateJwk` and `cookieKeys` are secrets: they go to the signer and nowhere else. */
export interface SigningKeys {
  readonly active: { readonly kid: string; readonly alg: string; readonly privateJwk: JWK }
  /** Every key whose signatures are still believed or soon will be, without private parts: the published key set. */
  readonly publicJwks: JWK[]
  /** base64url of 32 bytes each; the first signs, all verify. */
  readonly cookieKeys: string[]
}

/** What is needed of the audit trail here; `AuditTrail` fits. */
export interface KeyAudit {
  entry(event: {
    readonly tenant: TenantId
    readonly activity: 'system.start'
    readonly outcome: 'success'
    readonly reason: string
    readonly requestId: null
    readonly detail: Readonly<Record<string, string>>
  }): AuditEntry
}

/**
 * The keys of a tenant, made on its first start: two that start at once end up with the same ones.
 * @throws SealBroken when a stored key does not open under this state's key, or is not the key its id names.
 */
export async function loadSigningKeys(
  port: SigningKeysPort,
  sealer: Sealer,
  tenant: TenantId,
  clock: Clock,
  random: Random,
  audit: KeyAudit,
): Promise<SigningKeys> {
  const loadOrMake = async (purpose: StoredSigningKey['purpose'], make: () => Promise<NewKey>) => {
    const stored = await port.list(tenant, purpose)
    if (stored.length > 0) return stored
    const { kid, algorithm, secret, publicJwk } = await make()
    const sealed = sealer.seal(secret, sealContext(tenant, purpose, kid))
    const key = { tenant, kid, purpose, algorithm, status: 'active', sealed, publicJwk } as const
    const reason = 'signingKeyCreated'
    const detail = { kid, purpose, algorithm }
    return port.addFirst({ ...key, createdAt: clock.nowSeconds() }, [
      audit.entry({ tenant, activity: 'system.start', outcome: 'success', reason, requestId: null, detail }),
    ])
  }
  const tokenKeys = await loadOrMake('accessToken', makeTokenKey)
  const cookieKeys = await loadOrMake('cookie', async () => makeCookieKey(random))
  // All of them, not only the active one: a public key planted in the store would vouch for tokens that we never signed.
  const opened = await Promise.all(tokenKeys.map((key) => openTokenKey(sealer, key)))
  const active = opened.find((_, i) => tokenKeys[i]?.status === 'active')
  if (active === undefined) throw new Error('no signing key of the tenant is active')
  return {
    active,
    publicJwks: opened.map(toPublicJwk),
    cookieKeys: [...cookieKeys]
      .sort((a, b) => COOKIE_ORDER[a.status] - COOKIE_ORDER[b.status])
      .map((key) => Buffer.from(openKey(sealer, key)).toString('base64url')),
  }
}

/** Whether every key that the tenant has opens here; true while it has none. */
export async function canOpenKeys(port: SigningKeysPort, sealer: Sealer, tenant: TenantId): Promise<boolean> {
  const stored = [...(await port.list(tenant, 'accessToken')), ...(await port.list(tenant, 'cookie'))]
  try {
    for (const key of stored) openKey(sealer, key)
    return true
  } catch (cause) {
    if (cause instanceof SealBroken) return false
    throw cause
  }
}

const COOKIE_ORDER = { active: 0, next: 1, retiring: 2 } as const

interface NewKey {
  readonly kid: string
  readonly algorithm: string
  readonly secret: Uint8Array
  readonly publicJwk: string | null
}

async function makeTokenKey(): Promise<NewKey> {
  const pair = await generateKeyPair(TOKEN_ALGORITHM, { extractable: true })
  const publicJwk = await exportJWK(pair.publicKey)
  const kid = await calculateJwkThumbprint(publicJwk)
  return {
    kid,
    algorithm: TOKEN_ALGORITHM,
    secret: Buffer.from(JSON.stringify(await exportJWK(pair.privateKey))),
    publicJwk: JSON.stringify({ ...publicJwk, kid, alg: TOKEN_ALGORITHM, use: 'sig' }),
  }
}

function makeCookieKey(random: Random): NewKey {
  const secret = random.bytes(COOKIE_KEY_BYTES)
  return { kid: randomToken(random, KEY_ID_BYTES), algorithm: COOKIE_ALGORITHM, secret, publicJwk: null }
}

async function openTokenKey(sealer: Sealer, key: StoredSigningKey): Promise<SigningKeys['active']> {
  const privateJwk = JSON.parse(Buffer.from(openKey(sealer, key)).toString('utf8')) as JWK // Sealed by us, above.
  // RFC 7638: the id is the thumbprint of the key.
  if ((await calculateJwkThumbprint(privateJwk)) !== key.kid) throw new SealBroken()
  return {
    kid: key.kid,
    alg: key.algorithm,
    privateJwk: { ...privateJwk, kid: key.kid, alg: key.algorithm, use: 'sig' },
  }
}

/** Members are named one by one, so that no private one can slip through. */
function toPublicJwk({ privateJwk: { kty, crv, x, y }, kid, alg }: SigningKeys['active']): JWK {
  if (kty !== 'EC' || crv === undefined || x === undefined || y === undefined) throw new SealBroken()
  return { kty, crv, x, y, kid, alg, use: 'sig' }
}

function openKey(sealer: Sealer, key: StoredSigningKey): Uint8Array {
  return sealer.open(key.sealed, sealContext(key.tenant, key.purpose, key.kid))
}

function sealContext(tenant: TenantId, purpose: string, kid: string): string {
  return `${tenant}|${purpose}|${kid}`
}

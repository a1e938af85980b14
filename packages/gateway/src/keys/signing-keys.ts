import type { JWK } from 'jose'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import { type Random, randomToken } from '#core/random.ts'
import { DEFAULT_TOKEN_ALGORITHM, type TokenAlgorithm } from '#core/token-algorithms.ts'
import type { AuditEntry } from '#store/ports/audit.ts'
import type { SigningKeysPort, StoredSigningKey } from '#store/ports/signing-keys.ts'
import { SealBroken, type Sealer } from './sealer.ts'
import { makeTokenKey, openKey, openTokenKey, sealContext, type TokenKey, toPublicJwk } from './token-keys.ts'

const COOKIE_ALGORITHM = 'HS256'
const COOKIE_KEY_BYTES = 32
const KEY_ID_BYTES = 12
/** An unknown key id makes us look at the store, but not more often than this: anybody can make one up. */
const UNKNOWN_KEY_LOOK_MS = 1_000

/** The keys of one tenant, opened, as they are now. `active`, `signers` and `cookieKeys` are secrets: they go to the signer and nowhere else. */
export interface SigningKeys {
  /** Rises with every change, so that what is made of keys can be made anew. */
  readonly version: number
  /** Of ES256, which every installation has. */
  readonly active: TokenKey
  /** The active keys, one per algorithm. */
  readonly signers: readonly TokenKey[]
  /** Every key whose signatures are believed or soon will be, without private parts: the published key set. */
  readonly publicJwks: readonly JWK[]
  /** base64url of 32 bytes each; the first signs, all verify. */
  readonly cookieKeys: string[]
  /** Reads the store again. Rejects, and leaves everything as it was, when that fails. */
  reload(): Promise<void>
  /** As `reload`, at most once a second: somebody shows a key id that is not known here yet, or nowhere. */
  lookAgain(): Promise<void>
  /** Makes the first key of each algorithm that has none. */
  ensure(algorithms: Iterable<TokenAlgorithm>): Promise<void>
}

/** What is needed of the audit trail here; `AuditTrail` fits. */
export interface KeyAudit {
  entry(event: {
    readonly tenant: TenantId
    readonly activity: 'system.start' | 'signingKey.change'
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
  const addFirst = (made: Awaited<ReturnType<typeof makeTokenKey>> | ReturnType<typeof makeCookieKey>) => {
    const now = clock.nowSeconds()
    const { kid, purpose, algorithm } = made
    const reason = 'signingKeyCreated'
    const detail = { kid, purpose, algorithm }
    return port.addFirst(
      { ...made, status: 'active', createdAt: now, dueAt: null, activatedAt: now, retiredAt: null },
      [audit.entry({ tenant, activity: 'system.start', outcome: 'success', reason, requestId: null, detail })],
    )
  }
  const storedCookieKeys = await port.list(tenant, 'cookie')
  const cookieKeys =
    storedCookieKeys.length > 0 ? storedCookieKeys : await addFirst(makeCookieKey(sealer, tenant, random))

  let known: Opened = { version: 0, signers: [], publicJwks: [], kids: '' }
  const reload = async () => {
    const opened = await openAll(sealer, await port.list(tenant, 'accessToken'))
    // The same keys in the same states are no change.
    if (opened.kids !== known.kids) known = { ...opened, version: known.version + 1 }
  }
  const ensure = async (algorithms: Iterable<TokenAlgorithm>) => {
    for (const algorithm of new Set(algorithms)) {
      if (known.signers.some(({ alg }) => alg === algorithm)) continue
      await addFirst(await makeTokenKey(sealer, tenant, algorithm))
      await reload()
    }
  }
  await reload()
  await ensure([DEFAULT_TOKEN_ALGORITHM])
  const active = () => {
    const found = known.signers.find(({ alg }) => alg === DEFAULT_TOKEN_ALGORITHM)
    if (found === undefined) throw new Error('no signing key of the tenant is active')
    return found
  }
  active()

  let lookedAtMs = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | null = null
  return {
    get version() {
      return known.version
    },
    get active() {
      return active()
    },
    get signers() {
      return known.signers
    },
    get publicJwks() {
      return known.publicJwks
    },
    cookieKeys: [...cookieKeys]
      .sort((a, b) => COOKIE_ORDER[a.status] - COOKIE_ORDER[b.status])
      .map((key) => Buffer.from(openKey(sealer, key)).toString('base64url')),
    reload,
    lookAgain: async () => {
      if (looking === null && clock.monotonicMs() - lookedAtMs < UNKNOWN_KEY_LOOK_MS) return
      lookedAtMs = clock.monotonicMs()
      looking ??= reload().finally(() => {
        looking = null
      })
      await looking
    },
    ensure,
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

interface Opened {
  readonly version: number
  readonly signers: readonly TokenKey[]
  readonly publicJwks: readonly JWK[]
  /** Which keys these are, and in which states. */
  readonly kids: string
}

/** All of them, not only the active ones: a public key planted in the store would vouch for tokens that we never signed. */
async function openAll(sealer: Sealer, stored: readonly StoredSigningKey[]): Promise<Omit<Opened, 'version'>> {
  const opened = await Promise.all(stored.map((key) => openTokenKey(sealer, key)))
  return {
    signers: opened.filter((_, at) => stored[at]?.status === 'active'),
    publicJwks: opened.map(toPublicJwk),
    kids: stored.map(({ kid, status }) => `${kid} ${status}`).join('\n'),
  }
}

function makeCookieKey(sealer: Sealer, tenant: TenantId, random: Random) {
  const kid = randomToken(random, KEY_ID_BYTES)
  const purpose = 'cookie' as const
  const sealed = sealer.seal(random.bytes(COOKIE_KEY_BYTES), sealContext({ tenant, purpose, kid }))
  return { tenant, kid, purpose, algorithm: COOKIE_ALGORITHM, sealed, publicJwk: null }
}

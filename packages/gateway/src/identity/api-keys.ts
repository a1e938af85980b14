import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '#core/clock.ts'
import { asTokenId, type TenantId } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import { createWorkQueue } from '#core/work-queue.ts'
import type { ApiKeysPort, StoredApiKey } from '#store/ports/api-keys.ts'
import type { AccessTokenVerifier, TokenProblem } from './access-tokens.ts'
import { hashApiKey, readApiKeyText } from './api-key-text.ts'
import { createBoundedMap } from './bounded-map.ts'
import { createFailureBudget } from './failure-budget.ts'
import type { Revocations } from './live-ports.ts'
import type { Principal } from './principal.ts'

/** What key ids begin with, as clients of their grants. No id of a registered client does. */
export const API_KEY_CLIENT_PREFIX = 'key_'

export function isApiKeyPrincipal({ clientId }: Pick<Principal, 'clientId'>): boolean {
  return clientId.startsWith(API_KEY_CLIENT_PREFIX)
}

/** About 1 KiB each; an entry is one key at one server. */
const KNOWN_KEYS_MAX = 20_000
/** A key is read afresh after this long, whatever the feed said. */
const KNOWN_KEY_MS = 60_000
const REFUSED_KEYS_MAX = 10_000
const REFUSED_KEY_MS = 10_000
/**
 * How long one look at a key is good for, like an access token of the standard tier: what a key opened once (a stream) ends by then, and
 * who brings the key again is looked at again. No overlap of a rotation is shorter, so nobody remembers a secret beyond its end.
 */
export const API_KEY_PRINCIPAL_SECONDS = 15 * 60
/** Texts with a right checksum that nobody has looked up yet, from addresses that failed too often, wait for each other. */
const SUSPECTS = { runningMax: 1, waitingMax: 64 }

export interface ApiKeyVerifierOptions {
  readonly store: { readonly apiKeys: Pick<ApiKeysPort, 'findBySecret'> }
  readonly revocations: Revocations & {
    ensureFresh?(): Promise<boolean>
    onReplay?(listener: () => void): () => void
  }
  /** Freshness, revocation, expiry and audience are one judgement for every kind of credential. */
  readonly tokens: Pick<AccessTokenVerifier, 'judge'>
  readonly clock: Clock
  readonly tenant: TenantId
  /** Told of each key as it is accepted. */
  readonly uses: { note(principal: Principal): void }
}

/** Turns an API key into a principal. What is kept of a key is its SHA-256, in memory as in the store. */
export function createApiKeyVerifier(options: ApiKeyVerifierOptions): AccessTokenVerifier {
  const { clock, revocations, tokens, uses } = options
  const known = createBoundedMap<string, { readonly principal: Principal; readonly untilMs: number }>(KNOWN_KEYS_MAX)
  const refusedKeys = createBoundedMap<string, { readonly reason: string; readonly untilMs: number }>(REFUSED_KEYS_MAX)
  // A key that was read before may not be in the store that answers now, and one that was not there may be.
  let storeLife = 0
  revocations.onReplay?.(() => {
    storeLife += 1
    known.clear()
    refusedKeys.clear()
  })
  const failures = createFailureBudget(clock)
  const suspects = createWorkQueue(SUSPECTS)

  const letIn = async (principal: Principal, resource: string) => {
    const judged = await tokens.judge(principal, resource)
    if (judged.ok) uses.note(principal)
    return judged
  }

  return {
    judge: (principal, resource) => tokens.judge(principal, resource),
    verify: async (text, resource, address = 'unknown') => {
      const failed = (reason: string) => {
        failures.countFailure(address)
        return problem('invalid', reason)
      }
      const read = readApiKeyText(text)
      if (read === null) return failed('apiKeyMalformed')
      // Before anything is read: what is read afterwards is at least as new as the feed that is trusted for it.
      if (revocations.isStale() && !((await revocations.ensureFresh?.()) ?? false))
        return problem('unavailable', 'revocationsStale')
      const hash = hashApiKey(text)
      const place = `${hash} ${resource}`
      const refusal = refusedKeys.get(place)
      if (refusal !== undefined && clock.monotonicMs() < refusal.untilMs) return failed(refusal.reason)
      const hit = known.get(place)
      // A look that has had its time is over for whoever holds on to it, and not for who brings the key again.
      if (hit !== undefined && clock.monotonicMs() < hit.untilMs && hit.principal.expiresAt > clock.nowSeconds()) {
        return await letIn(hit.principal, resource)
      }
      const lifeBefore = storeLife
      const look = () => lookUp(read.secretId, hash, resource, options)
      const looked = failures.waitSeconds(address) > 0 ? await suspects.run(look) : ok(await look())
      if (!looked.ok) return problem('unavailable', 'tooManyFailures')
      const found = looked.value
      if (!found.ok) {
        if (found.refusal.kind === 'unavailable') return found
        if (storeLife === lifeBefore)
          refusedKeys.set(place, { reason: found.refusal.reason, untilMs: clock.monotonicMs() + REFUSED_KEY_MS })
        return failed(found.refusal.reason)
      }
      if (storeLife === lifeBefore)
        known.set(place, { principal: found.value, untilMs: clock.monotonicMs() + KNOWN_KEY_MS })
      return await letIn(found.value, resource)
    },
  }
}

async function lookUp(
  secretId: string,
  hash: string,
  resource: string,
  { store, clock, tenant }: ApiKeyVerifierOptions,
): Promise<Result<Principal, TokenProblem>> {
  let key: StoredApiKey | null
  try {
    key = await store.apiKeys.findBySecret(tenant, secretId)
  } catch {
    return problem('unavailable', 'storeUnavailable')
  }
  const secret = key?.secrets.find((one) => one.secretId === secretId)
  if (key === null || secret === undefined || !isSame(secret.hash, hash)) return problem('invalid', 'apiKeyUnknown')
  const now = clock.nowSeconds()
  if (key.revokedAt !== null) return problem('invalid', 'apiKeyRevoked')
  if (key.expiresAt <= now) return problem('invalid', 'apiKeyExpired')
  if (secret.endsAt <= now) return problem('invalid', 'apiKeyRotatedAway')
  // RFC 8707 in spirit: what was made for one server opens no other.
  const grant = key.grants.find((one) => one.resource === resource)
  if (grant === undefined) return problem('invalid', 'audienceMismatch')
  if (grant.revokedAt !== null) return problem('invalid', 'grantRevoked')
  if (grant.expiresAt <= now) return problem('invalid', 'grantExpired')
  return ok({
    tenant,
    subject: key.subject,
    kind: 'user',
    clientId: key.keyId,
    scopes: grant.scopes,
    resource: grant.resource,
    // Nobody has logged in: what asks for a fresh or strong login refuses a key.
    // A key is bound to nobody: where a sender is demanded it is refused.
    confirmation: null,
    acr: null,
    authTime: null,
    grantId: grant.grantId,
    grantNumber: grant.number,
    tokenId: asTokenId(secretId),
    expiresAt: Math.min(secret.endsAt, grant.expiresAt, now + API_KEY_PRINCIPAL_SECONDS),
  })
}

function isSame(stored: string, shown: string): boolean {
  const [a, b] = [Buffer.from(stored), Buffer.from(shown)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function problem(kind: TokenProblem['kind'], reason: string): Result<never, TokenProblem> {
  return refused({ kind, reason })
}

import { hash } from 'node:crypto'
import { type CryptoKey, compactVerify, errors } from 'jose'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import { isServiceSubject } from '#core/service-subject.ts'
import type { TokenAlgorithm } from '#core/token-algorithms.ts'
import { createWorkQueue } from '#core/work-queue.ts'
import { scopeIsWithin } from '#policy/scopes.ts'
import type { GrantsPort, StoredGrant } from '#store/ports/grants.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { createBoundedMap } from './bounded-map.ts'
import { createFailureBudget } from './failure-budget.ts'
import type { Revocations } from './live-ports.ts'
import type { Principal } from './principal.ts'
import { readClaims, type TokenClaims } from './read-claims.ts'
import { readTokenHeader } from './read-token.ts'
import { createVerificationKeys, type KeySource } from './verification-keys.ts'

/** About 1 KiB each. One live agent holds one token; a hundred thousand in turn must not push each other out. */
const VERIFIED_TOKENS_MAX = 120_000
/** The grant row of a verified token is looked at afresh after this long, whatever the feed said. Its signature can't have changed. */
const VERIFIED_TOKEN_MS = 60_000
/** So that repeating one bad token costs a hash and not a signature check. */
const REFUSED_TOKENS_MAX = 10_000
const REFUSED_TOKEN_MS = 10_000

/**
 * Tokens that nobody has verified yet, from addresses that failed too often, are verified one after another. That leaves the thread pool
 * to everybody else, and still lets an honest newcomer behind the same address in: a signature takes well under a millisecond.
 */
const SUSPECTS = { runningMax: 1, waitingMax: 64 }

export interface TokenProblem {
  /** `unavailable`: nothing is known about the token; answer 503, never a challenge. */
  readonly kind: 'invalid' | 'unavailable'
  /** camelCase, for the audit record. */
  readonly reason: string
}

export interface AccessTokenVerifier {
  /** `resource` is the identifier of the door the token is shown at, `address` who shows it, as far as that is known. */
  verify(token: string, resource: string, address?: string): Promise<Result<Principal, TokenProblem>>
  /** What can have changed since a token was verified: freshness of the feed, revocation, expiry; and the door, once more. */
  judge(principal: Principal, resource: string): Promise<Result<Principal, TokenProblem>>
}

export interface AccessTokenVerifierOptions {
  /** Every key a token still alive may be signed with. */
  readonly keys: KeySource
  /** `P`, byte for byte. */
  readonly issuer: string
  readonly store: { readonly grants: Pick<GrantsPort, 'find'> }
  readonly revocations: Revocations & {
    ensureFresh?(): Promise<boolean>
    onReplay?(listener: () => void): () => void
  }
  readonly clock: Clock
  readonly tenant: TenantId
}

/**
 * Verifies our own access tokens (RFC 9068). What is kept of a token is its SHA-256 and its claims, never itself.
 * The kept part is only what cannot change: signature, claims and the grant's number. Expiry, revocation, freshness of the feed and the
 * audience are judged on every call, hit or miss.
 */
export function createAccessTokenVerifier(options: AccessTokenVerifierOptions): AccessTokenVerifier {
  const { clock, revocations } = options
  const verified = createBoundedMap<string, { readonly principal: Principal; readonly untilMs: number }>(
    VERIFIED_TOKENS_MAX,
  )
  const refusedTokens = createBoundedMap<string, { readonly reason: string; readonly untilMs: number }>(
    REFUSED_TOKENS_MAX,
  )
  const underWay = new Map<string, Promise<Result<Principal, TokenProblem>>>()
  // A grant that was read before may not be in the store that answers now.
  let storeLife = 0
  revocations.onReplay?.(() => {
    storeLife += 1
    verified.clear()
  })
  /** Which keys those were whose tokens are kept: one of them that goes takes its tokens with it. */
  let keysSeen = options.keys.version
  const heedKeys = () => {
    if (options.keys.version === keysSeen) return
    keysSeen = options.keys.version
    verified.clear()
    refusedTokens.clear()
  }
  const failures = createFailureBudget(clock)
  const suspects = createWorkQueue(SUSPECTS)
  const load = createLoader(options)

  const loadOnce = (token: string, key: string, before: Principal | undefined) => {
    const known = underWay.get(key)
    if (known !== undefined) return known
    const lifeBefore = storeLife
    const keysBefore = options.keys.version
    const loading = (before === undefined ? load.token(token) : load.grant(before))
      .then(({ result, isFinal }) => {
        const nowMs = clock.monotonicMs()
        if (!result.ok) verified.delete(key)
        if (result.ok && (storeLife !== lifeBefore || options.keys.version !== keysBefore)) return result
        if (result.ok) verified.set(key, { principal: result.value, untilMs: nowMs + VERIFIED_TOKEN_MS })
        else if (isFinal) refusedTokens.set(key, { reason: result.refusal.reason, untilMs: nowMs + REFUSED_TOKEN_MS })
        return result
      })
      .finally(() => underWay.delete(key))
    underWay.set(key, loading)
    return loading
  }

  const isFresh = async () => {
    if (!revocations.isStale()) return true
    return revocations.ensureFresh === undefined ? false : await revocations.ensureFresh()
  }
  const judge = (principal: Principal, resource: string): Result<Principal, TokenProblem> => {
    if (revocations.isStale()) return unavailable('revocationsStale')
    if (revocations.isRevoked(principal)) return invalid('revoked')
    if (principal.expiresAt <= clock.nowSeconds()) return invalid('expired')
    // RFC 8707, RFC 9068 §4: a token of one server is refused at every other.
    return principal.resource === resource ? ok(principal) : invalid('audienceMismatch')
  }
  return {
    judge: async (principal, resource) =>
      (await isFresh()) ? judge(principal, resource) : unavailable('revocationsStale'),
    verify: async (token, resource, address = 'unknown') => {
      const failed = (reason: string) => {
        failures.countFailure(address)
        return invalid(reason)
      }
      if (!(await isFresh())) return unavailable('revocationsStale')
      heedKeys()
      const key = hash('sha256', token, 'base64url')
      const nowMs = clock.monotonicMs()
      const refusal = refusedTokens.get(key)
      if (refusal !== undefined && nowMs < refusal.untilMs) return failed(refusal.reason)
      const hit = verified.get(key)
      const isKnown = hit !== undefined && nowMs < hit.untilMs
      const isSuspect = !isKnown && failures.waitSeconds(address) > 0
      const loadNow = () => loadOnce(token, key, hit?.principal)
      const loaded = isSuspect ? await suspects.run(loadNow) : null
      if (loaded?.ok === false) return unavailable('tooManyFailures')
      const result = isKnown ? ok(hit.principal) : (loaded?.value ?? (await loadNow()))
      if (!result.ok) return result.refusal.kind === 'invalid' ? failed(result.refusal.reason) : result
      // Loading takes time in which the feed may have spoken, or fallen silent.
      return judge(result.value, resource)
    },
  }
}

/** `isFinal`: this token can never become valid, so the refusal may be kept. */
interface Loaded {
  readonly result: Result<Principal, TokenProblem>
  readonly isFinal: boolean
}

interface Loader {
  /** The slow road: header, key, signature, claims, grant row. */
  token(token: string): Promise<Loaded>
  /** The grant row alone, for a token whose signature and claims have been verified. */
  grant(before: Omit<Principal, 'grantNumber'>): Promise<Loaded>
}

function createLoader(options: AccessTokenVerifierOptions): Loader {
  const { issuer, store, clock } = options
  const { tenant } = options
  let keys = { version: options.keys.version, ...createVerificationKeys(options.keys.publicJwks) }
  const keysNow = () => {
    const { version, publicJwks } = options.keys
    if (version !== keys.version) keys = { version, ...createVerificationKeys(publicJwks) }
    return keys
  }
  const findKey = async (kid: string, alg: TokenAlgorithm) => {
    if (!keysNow().kids.has(kid)) await options.keys.lookAgain?.()
    return (await keysNow().find(kid, alg)) ?? null
  }
  const final = (reason: string): Loaded => ({ result: invalid(reason), isFinal: true })
  const notNow = (result: Result<Principal, TokenProblem>): Loaded => ({ result, isFinal: false })

  const loadGrant: Loader['grant'] = async (before) => {
    let grant: StoredGrant | null
    try {
      grant = await store.grants.find(tenant, before.grantId)
    } catch {
      return notNow(unavailable('storeUnavailable'))
    }
    if (grant === null) return notNow(invalid('grantUnknown'))
    if (grant.revokedAt !== null) return final('grantRevoked')
    if (grant.expiresAt <= clock.nowSeconds()) return final('grantExpired')
    if (!grantMatches(grant, before)) return final('grantMismatch')
    return notNow(ok({ ...before, grantNumber: grant.number }))
  }
  const loadToken: Loader['token'] = async (token) => {
    if (keysNow().isEmpty) return notNow(unavailable('noKeys'))
    const header = readTokenHeader(token)
    if (!header.ok) return notNow(invalid(header.refusal))
    const { kid, alg } = header.value
    let key: CryptoKey | null
    try {
      key = await findKey(kid, alg)
    } catch {
      return notNow(unavailable('keysUnavailable'))
    }
    if (key === null) return notNow(invalid('keyUnknown'))
    const payload = await verifySignature(token, key, alg)
    if (payload === null) return final('signatureInvalid')
    const parsed = parseJson(payload, { depthMax: 8, numbers: 'request' })
    if (!parsed.ok || !isJsonObject(parsed.value)) return final('payloadNotJson')
    const claims = readClaims(parsed.value, issuer, clock.nowSeconds())
    if (!claims.ok) return PASSING.has(claims.refusal) ? notNow(invalid(claims.refusal)) : final(claims.refusal)
    const kind = isServiceSubject(claims.value.subject) ? 'service' : 'user'
    return await loadGrant({ tenant, kind, ...claims.value })
  }
  return { token: loadToken, grant: loadGrant }
}

/** Refusals that time alone undoes. */
const PASSING: ReadonlySet<string> = new Set(['issuedInFuture', 'notYetValid'])

/**
 * The row is what the person consented to: a token can be for less, never for more or for somebody else. One that was handed on is of the
 * authorization of the client that it came from, and may be for a class that a consented one contains.
 */
function grantMatches(
  grant: StoredGrant,
  claims: Omit<TokenClaims, 'delegation'> & Pick<Principal, 'delegation'>,
): boolean {
  const from = claims.delegation?.exchanges.at(-1)
  return (
    grant.subject === claims.subject &&
    grant.clientId === (from === undefined ? claims.clientId : from.clientId) &&
    grant.resource === claims.resource &&
    claims.scopes.every((scope) =>
      from === undefined ? grant.scopes.includes(scope) : scopeIsWithin(grant.scopes, scope),
    )
  )
}

/** The payload's bytes; null if the signature is not by this key. Anything else that goes wrong is a bug and throws. */
async function verifySignature(token: string, key: CryptoKey, alg: TokenAlgorithm): Promise<Uint8Array | null> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [alg] })
    return payload
  } catch (cause) {
    if (cause instanceof errors.JOSEError) return null
    throw cause
  }
}

function invalid(reason: string): Result<never, TokenProblem> {
  return refused({ kind: 'invalid', reason })
}

function unavailable(reason: string): Result<never, TokenProblem> {
  return refused({ kind: 'unavailable', reason })
}

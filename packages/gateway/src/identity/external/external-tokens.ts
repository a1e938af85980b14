import { hash } from 'node:crypto'
import type { Clock } from '#core/clock.ts'
import { asClientId, asTokenId, type GrantId, type SubjectId } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { ExternalIssuer, ServerEntry, SnapshotSource } from '#core/snapshot.ts'
import { createWorkQueue } from '#core/work-queue.ts'
import { scopesFromValues } from '#policy/external-scopes.ts'
import { BEARER_TOKEN_CHARACTERS_MAX } from '#wire/oauth/bearer.ts'
import type { AccessTokenVerifier, TokenProblem } from '../access-tokens.ts'
import { createBoundedMap } from '../bounded-map.ts'
import { createFailureBudget } from '../failure-budget.ts'
import type { IssuerKeys } from '../issuer-keys.ts'
import type { Principal } from '../principal.ts'
import { readAssertion, verifyAssertion } from '../verify-assertion.ts'
import { type ExternalClaims, judgeExternalClaims } from './external-claims.ts'
import { introspectToken } from './introspect-token.ts'

/** About 1 KiB each. */
const KNOWN_MAX = 50_000
const REFUSED_MAX = 10_000
/** The account and its grant are looked at afresh after this long, whatever the feed said. */
const KNOWN_MS = 60_000
/** How long the issuer's answer about a token counts: what it has revoked since is let in no longer. */
const ANSWER_MS = 10_000
const REFUSED_MS = 10_000
/** Tokens that nobody has seen, from addresses that failed too often, wait for each other; so do all that the issuer has to be asked about. */
const SUSPECTS = { runningMax: 1, waitingMax: 64 }
const ASKING = { runningMax: 16, waitingMax: 256 }
/** No client of ours is called so. */
const CLIENT_PREFIX = 'external:'

/** Who somebody with a good token is here, and what the token's use is a part of. */
export interface Admitted {
  readonly subject: SubjectId
  readonly grantId: GrantId
  readonly grantNumber: number
}

export interface ExternalVerifierOptions {
  readonly snapshots: SnapshotSource
  readonly keys: IssuerKeys
  /** Finds or opens account and grant. Rejects when the store cannot be used. */
  readonly admit: (
    claims: ExternalClaims,
    place: { readonly server: ServerEntry; readonly issuer: ExternalIssuer; readonly clientId: string },
  ) => Promise<Result<Admitted, string>>
  readonly tokens: Pick<AccessTokenVerifier, 'judge'>
  readonly clock: Clock
}

/** A verifier for servers whose tokens others issue. What is kept of a token is its SHA-256 and what it said. */
export function createExternalVerifier(options: ExternalVerifierOptions): AccessTokenVerifier {
  const { snapshots, tokens, clock } = options
  const known = createBoundedMap<
    string,
    { readonly principal: Principal; readonly of: ServerEntry['external']; readonly untilMs: number }
  >(KNOWN_MAX)
  const refusedTokens = createBoundedMap<string, { readonly reason: string; readonly untilMs: number }>(REFUSED_MAX)
  const underWay = new Map<string, Promise<Result<Principal, TokenProblem>>>()
  const failures = createFailureBudget(clock)
  const suspects = createWorkQueue(SUSPECTS)
  const asking = createWorkQueue(ASKING)

  const load = async (token: string, server: ServerEntry, place: string): Promise<Result<Principal, TokenProblem>> => {
    const shared = underWay.get(place)
    if (shared !== undefined) return await shared
    const loading = loadToken(token, server, { ...options, asking })
      .then((loaded) => {
        const nowMs = clock.monotonicMs()
        const ms = server.external?.issuer.by.kind === 'introspection' ? ANSWER_MS : KNOWN_MS
        if (loaded.ok) known.set(place, { principal: loaded.value, of: server.external, untilMs: nowMs + ms })
        else if (loaded.refusal.kind === 'invalid')
          refusedTokens.set(place, { reason: loaded.refusal.reason, untilMs: nowMs + REFUSED_MS })
        return loaded
      })
      .finally(() => underWay.delete(place))
    underWay.set(place, loading)
    return await loading
  }

  return {
    judge: (principal, resource) => tokens.judge(principal, resource),
    verify: async (token, resource, address = 'unknown') => {
      const failed = (reason: string) => {
        failures.countFailure(address)
        return invalid(reason)
      }
      const server = [...snapshots.current().servers.values()].find((one) => one.resource === resource)
      if (server?.external == null) return failed('audienceMismatch')
      if (token.length > BEARER_TOKEN_CHARACTERS_MAX) return failed('tokenTooLong')
      const place = `${hash('sha256', token, 'base64url')} ${server.id}`
      const nowMs = clock.monotonicMs()
      const refusal = refusedTokens.get(place)
      if (refusal !== undefined && nowMs < refusal.untilMs) return failed(refusal.reason)
      const hit = known.get(place)
      // What it means is the configuration's word, which may be another by now.
      if (hit !== undefined && hit.of === server.external && nowMs < hit.untilMs)
        return await tokens.judge(hit.principal, resource)
      const work = () => load(token, server, place)
      const looked = failures.waitSeconds(address) > 0 ? await suspects.run(work) : ok(await work())
      if (!looked.ok) return unavailable('tooManyFailures')
      const loaded = looked.value
      if (!loaded.ok) return loaded.refusal.kind === 'invalid' ? failed(loaded.refusal.reason) : loaded
      return await tokens.judge(loaded.value, resource)
    },
  }
}

async function loadToken(
  token: string,
  server: ServerEntry,
  options: ExternalVerifierOptions & { readonly asking: ReturnType<typeof createWorkQueue> },
): Promise<Result<Principal, TokenProblem>> {
  if (server.external == null) return invalid('audienceMismatch')
  const { issuer, audience } = server.external
  const said = await claimsOf(token, issuer, options)
  if (!said.ok) return said
  const { snapshots, clock, admit } = options
  const isAnswer = issuer.by.kind === 'introspection'
  const judged = judgeExternalClaims(said.value, issuer, { audience, now: clock.nowSeconds(), isAnswer })
  if (!judged.ok) return invalid(judged.refusal)
  const claims = judged.value
  const clientId = `${CLIENT_PREFIX}${issuer.name}:${claims.client}`
  let admitted: Result<Admitted, string>
  try {
    admitted = await admit(claims, { server, issuer, clientId })
  } catch {
    return unavailable('storeUnavailable')
  }
  if (!admitted.ok) return invalid(admitted.refusal)
  const id = hash('sha256', JSON.stringify([issuer.issuer, claims.tokenId ?? token]), 'base64url')
  return ok({
    ...admitted.value,
    tenant: snapshots.current().tenant,
    kind: 'user',
    clientId: asClientId(clientId),
    scopes: scopesFromValues(claims.values, server, issuer),
    resource: server.resource,
    acr: claims.acr,
    authTime: claims.authTime,
    tokenId: asTokenId(id),
    expiresAt: claims.expiresAt,
    confirmation: claims.confirmation,
  })
}

/** What the issuer vouches for: by its signature, or by its answer. */
async function claimsOf(
  token: string,
  issuer: ExternalIssuer,
  { keys, asking }: ExternalVerifierOptions & { readonly asking: ReturnType<typeof createWorkQueue> },
): Promise<Result<Readonly<Record<string, unknown>>, TokenProblem>> {
  const { by, network } = issuer
  if (by.kind === 'introspection') {
    const answered = await asking.run(() => introspectToken(token, by, network))
    if (!answered.ok) return unavailable('introspectionBusy')
    if (!answered.value.ok) return unavailable(answered.value.refusal)
    return answered.value.value === null ? invalid('tokenNotActive') : ok(answered.value.value)
  }
  const signer = { issuer: issuer.issuer, keys: { kind: 'jwksUri', jwksUri: by.jwksUri, network } } as const
  const read = readAssertion(token, [signer])
  if (!read.ok) return invalid(OF_ASSERTIONS[read.refusal] ?? 'tokenMalformed')
  if (!issuer.tokenTypes.includes(typeOf(read.value.type))) return invalid('typeForbidden')
  const verified = await verifyAssertion(read.value, keys)
  if (verified.ok) return verified
  return verified.refusal.kind === 'unavailable'
    ? unavailable('keysUnavailable')
    : invalid(OF_ASSERTIONS[verified.refusal.reason] ?? 'tokenMalformed')
}

/** RFC 7515 §4.1.9: `application/` may be left out; types are compared without case. */
function typeOf(type: string | null): string | null {
  return type === null ? null : type.toLowerCase().replace(/^application\//, '')
}

/** The same causes, as this log calls them. */
const OF_ASSERTIONS: Readonly<Record<string, string>> = {
  assertionTooLong: 'tokenTooLong',
  assertionMalformed: 'tokenMalformed',
  assertionIssuerUnknown: 'issuerMismatch',
  assertionKeyUnknown: 'keyUnknown',
  assertionSignatureInvalid: 'signatureInvalid',
}

function invalid(reason: string): Result<never, TokenProblem> {
  return refused({ kind: 'invalid', reason })
}

function unavailable(reason: string): Result<never, TokenProblem> {
  return refused({ kind: 'unavailable', reason })
}

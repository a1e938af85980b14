import { createHash } from 'node:crypto'
import type { Context, TokenSource } from 'oidc-provider'
import type { AuditEvent, AuditTrail } from '#audit/trail.ts'
import { asClientId, asGrantId, asSubjectId } from '#core/ids.ts'
import type { SigningKeys } from '#keys/signing-keys.ts'
import { findProtectedResource } from '#policy/admin-api.ts'
import { splitScopes } from '#policy/scopes.ts'
import type { EngineCommit, EngineOperation } from '#store/ports/engine.ts'
import type { Store } from '#store/ports/store.ts'
import { devicePage } from '../device/device-pages.ts'
import { errorPage } from '../pages/error-page.ts'
import { readRevocableToken } from '../revocation/read-revocable-token.ts'
import { CHALLENGE_MODEL, refuseChallenge, useChallenge } from './challenge-once.ts'
import { show } from './device-hooks.ts'
import { POLL_SECONDS } from './device-polling.ts'
import { USED_ASSERTION } from './direct-grants.ts'
import { STARTED_ELSEWHERE } from './error-pages.ts'
import { DEVICE_NOT_ALLOWED, GRANT_NOT_ALLOWED, PROOF_REPLAYED, reasonOf, TOKEN_REUSED } from './reasons.ts'
import { findRepeat, keepForRepeat } from './repeat-refresh.ts'
import { bindingOf } from './require-binding.ts'
import type { UnitOfWork } from './unit-of-work.ts'

export interface SettleDependencies {
  readonly audit: AuditTrail
  readonly store: Store
  readonly keys: SigningKeys
}

/**
 * Decides what becomes of a request that the engine has answered in memory: commits what it changed with its audit entries, and only then
 * lets the answer go. An answer whose commit lost a race is replaced by a refusal.
 */
export async function settle(context: Context, unit: UnitOfWork, dependencies: SettleDependencies): Promise<void> {
  switch (unit.endpoint) {
    case 'token':
      return settleToken(context, unit)
    case 'revoke':
      return settleRevocation(context, unit, dependencies)
    case 'par':
    case 'deviceAuthorization':
      return settleBeginning(context, unit)
    case 'authorize':
    case 'resume':
    case 'device':
    case 'deviceResume':
      return settleAuthorization(context, unit)
    case 'interaction':
      throw new Error('interactions are settled by themselves')
  }
}

async function settleToken(context: Context, unit: UnitOfWork): Promise<void> {
  if (unit.refusal?.detail === TOKEN_REUSED && (await repeatRefresh(context, unit))) return
  if (unit.refusal !== null || context.status !== 200) return settleRefusal(context, unit, tokenActivity(context, unit))
  const entities = context.oidc?.entities
  const { direct } = unit
  const token = direct === null ? entities?.AccessToken : entities?.ClientCredentials
  const grantId = direct === null ? token?.grantId : direct.grant.grantId
  if (token === undefined || grantId === undefined) throw new Error('a token answer without an access token')
  if (grantTypeOf(context) === 'refresh_token') keepForRepeat(context, unit, bindingOf(token))
  // The grant may have been revoked while the engine was at work; then nothing of this may come to be.
  if (direct?.grant.kind !== 'new') unit.requireLiveGrant(grantId)
  const committed = await unit.commit([
    {
      ...base(context, unit, tokenActivity(context, unit), 'success'),
      grantId: asGrantId(grantId),
      ...subjectOf(token, unit),
      ...serverOf(unit, token),
      scopesGranted: splitScopes(token.scope),
      detail: {
        tokenId: token.jti,
        withRefreshToken: entities?.RefreshToken !== undefined,
        ...describeBinding(token),
        ...(direct === null ? {} : { grantType: grantTypeOf(context), ...direct.detail }),
      },
    },
  ])
  // Another request opened this very grant at the same moment: once more, and it is there.
  if (committed.outcome === 'duplicate' && committed.model === 'Grant' && !unit.isRepeat) unit.isOvertaken = true
  else if (committed.outcome !== 'committed') await refuseLostRace(context, unit, committed)
}

/**
 * Of a refused token request only two things last: revoked families, and the marks of client assertions that must not be used twice. A
 * code or refresh token that was not redeemed is not used up.
 */
async function settleRefusal(context: Context, unit: UnitOfWork, activity: AuditEvent['activity']): Promise<void> {
  const kept = unit.operations.filter(isKeptOfRefused)
  const revoked = unit.operations.find((operation) => operation.kind === 'revokeGrant')
  const event: AuditEvent = {
    ...base(context, unit, activity, 'refused'),
    reason: reason(unit),
    ...(revoked === undefined ? {} : { grantId: revoked.grantId }),
  }
  // RFC 8628 §3.5: asking again is what the device has been told to do.
  if (unit.refusal?.code === 'authorization_pending') await unit.commitOnly([], kept)
  else await recordRefusal(unit, kept, event)
  // The engine says `invalid_grant`, at which clients throw away a good token; here only the proof is no good any more.
  if (unit.refusal?.detail === PROOF_REPLAYED) return refuse(context, unit, 400, 'invalid_dpop_proof')
  // RFC 6749 §5.2 has a word of its own for it.
  if (isGrantNotAllowed(unit) && isErrorBody(context.body))
    context.body = { ...context.body, error: 'unauthorized_client' }
  nameRequest(context, unit)
}

/** An assertion is not used up by a request that was refused for something else, such as a missing nonce. */
function isKeptOfRefused(operation: EngineOperation): boolean {
  if (operation.kind === 'insert') return operation.document.model !== USED_ASSERTION
  return operation.kind === 'revokeGrant'
}

function isGrantNotAllowed({ refusal }: UnitOfWork): boolean {
  return refusal?.description === GRANT_NOT_ALLOWED || refusal?.description === DEVICE_NOT_ALLOWED
}

/** RFC 7009 §2.2: 200 for a token that is revoked now, and for one that nobody knows. */
async function settleRevocation(context: Context, unit: UnitOfWork, dependencies: SettleDependencies): Promise<void> {
  const { audit, store, keys } = dependencies
  const client = context.oidc?.client
  const token = context.oidc?.params?.['token']
  // The engine stores no access tokens and refuses JWTs here, but only after it has authenticated the client.
  if (unit.refusal?.code === 'unsupported_token_type' && client !== undefined && typeof token === 'string') {
    const revoked = await readRevocableToken(token, client.clientId, {
      keys,
      issuer: unit.snapshot.publicUrl,
      now: unit.now,
    })
    if (revoked !== null) {
      const event: AuditEvent = {
        ...base(context, unit, 'token.revoke', 'success'),
        reason: 'revokedByClient',
        subject: revoked.subject,
        grantId: revoked.grantId,
        detail: { tokenId: revoked.tokenId },
      }
      const { tenant } = unit.snapshot
      await unit.storing(() =>
        store.grants.revokeToken(tenant, revoked.tokenId, revoked.expiresAt, unit.now, [audit.entry(event)]),
      )
    }
    context.status = 200
    context.body = ''
    return
  }
  if (unit.refusal !== null) return settleRefusal(context, unit, 'token.revoke')
  const revoked = unit.operations.find((operation) => operation.kind === 'revokeGrant')
  const events: AuditEvent[] =
    revoked === undefined
      ? []
      : [
          {
            ...base(context, unit, 'token.revoke', 'success'),
            reason: 'revokedByClient',
            grantId: revoked.grantId,
          },
        ]
  await unit.commit(events)
}

/** RFC 9126 §2.2, RFC 8628 §3.2: nothing is given yet, so only a refusal is recorded. */
async function settleBeginning(context: Context, unit: UnitOfWork): Promise<void> {
  const status = unit.endpoint === 'par' ? 201 : 200
  if (unit.refusal !== null || context.status !== status)
    return settleRefusal(context, unit, tokenActivity(context, unit))
  const committed = await unit.commit([])
  if (committed.outcome !== 'committed') return refuseLostRace(context, unit, committed)
  if (unit.endpoint === 'deviceAuthorization') context.body = { ...(context.body as object), interval: POLL_SECONDS }
}

async function settleAuthorization(context: Context, unit: UnitOfWork): Promise<void> {
  const entities = context.oidc?.entities
  const isDevice = unit.endpoint === 'device' || unit.endpoint === 'deviceResume'
  const grantId = isDevice ? entities?.DeviceCode?.grantId : entities?.AuthorizationCode?.grantId
  if (grantId !== undefined) unit.requireLiveGrant(grantId)
  if (entities?.AuthorizationCode !== undefined) useChallenge(context, unit)
  const committed = await unit.commit([])
  if (committed.outcome === 'documentGone' && !unit.isRepeat) {
    unit.isOvertaken = true
    return
  }
  if (committed.outcome !== 'committed') {
    // The cookies name documents that were not stored.
    context.res.removeHeader('set-cookie')
    if (committed.outcome === 'duplicate' && committed.model === CHALLENGE_MODEL) {
      refuseChallenge(context)
      nameRequest(context, unit)
    } else if (committed.outcome === 'duplicate') show(context, 409, devicePage('used'))
    else showPage(context, unit)
    await unit.recordRefusal({
      ...base(context, unit, 'request.refused', 'refused'),
      reason:
        committed.outcome === 'duplicate' && committed.model === CHALLENGE_MODEL
          ? 'challengeReused'
          : committed.outcome,
      detail: { endpoint: unit.endpoint },
    })
    return
  }
  if (unit.refusal === null) {
    // Every way on is a redirect. A page here is the engine's own, for a browser that has logged in as somebody else meanwhile.
    if (context.res.hasHeader('location')) context.body = ''
    else if (!isDevice) showPage(context, unit)
    return
  }
  nameRequest(context, unit)
  await unit.recordRefusal({
    ...base(context, unit, 'request.refused', 'refused'),
    reason: reason(unit),
    detail: { endpoint: unit.endpoint, error: unit.refusal.code },
  })
}

/**
 * The use of a refresh token is repeated while that is allowed: the same answer, and the family lives. False where it is a reuse, which the
 * caller deals with.
 */
async function repeatRefresh(context: Context, unit: UnitOfWork): Promise<boolean> {
  if (grantTypeOf(context) !== 'refresh_token') return false
  const repeat = await findRepeat(context, unit)
  if (repeat === null) return false
  if (repeat.kind === 'refused') {
    await unit.recordRefusal({ ...base(context, unit, 'token.refresh', 'refused'), reason: repeat.reason })
    refuse(context, unit, 400, 'invalid_grant')
    return true
  }
  const event = { ...base(context, unit, 'token.refresh', 'success'), reason: 'repeated', grantId: repeat.grantId }
  const committed = await unit.commitOnly([event], repeat.operations)
  if (committed.outcome === 'committed') {
    context.status = 200
    context.body = repeat.body
  } else await refuseLostRace(context, unit, committed)
  return true
}

/** Another request was first. Two uses of one code or refresh token mean that one of them is not its owner's: the family dies. */
async function refuseLostRace(
  context: Context,
  unit: UnitOfWork,
  lost: Exclude<EngineCommit, { readonly outcome: 'committed' }>,
): Promise<void> {
  if (lost.outcome === 'alreadyConsumed' && (await repeatRefresh(context, unit))) return
  const base_ = base(context, unit, tokenActivity(context, unit), 'refused')
  if (lost.outcome === 'alreadyConsumed') {
    const reason = lost.model === 'RefreshToken' ? 'refreshTokenReused' : 'codeReplayed'
    const grantId = unit.grantOfStored(lost.model, lost.id)
    if (grantId === null) throw new Error('a consumed document without a grant')
    const revoke = { kind: 'revokeGrant', grantId, cause: reason, at: unit.now } as const
    await unit.commitOnly([{ ...base_, reason, grantId }], [revoke])
    refuse(context, unit, 400, 'invalid_grant')
    return
  }
  if (lost.outcome === 'grantNotLive') {
    await unit.commitOnly([{ ...base_, reason: 'grantRevoked', grantId: lost.grantId }], [])
    refuse(context, unit, 400, 'invalid_grant')
    return
  }
  if (lost.outcome === 'clientChanged') {
    // What the person consented to is gone: so is what they gave. The client begins anew, and asks them again.
    const { grantId } = lost
    const revoke = { kind: 'revokeGrant', grantId, cause: 'clientChanged', at: unit.now } as const
    await unit.commitOnly([{ ...base_, reason: 'clientChanged', grantId }], [revoke])
    refuse(context, unit, 400, 'invalid_grant')
    return
  }
  if (lost.outcome === 'duplicate' && lost.model === USED_ASSERTION) {
    await unit.recordRefusal({ ...base_, reason: 'assertionReplayed' })
    refuse(context, unit, 400, 'invalid_grant')
    return
  }
  if (lost.outcome === 'duplicate' && isMarkOfProof(lost.id, context, unit)) {
    await unit.recordRefusal({ ...base_, reason: 'proofReplayed' })
    refuse(context, unit, 400, 'invalid_dpop_proof')
    return
  }
  // Besides them only client assertions are inserted: somebody else used this one first.
  await unit.recordRefusal({ ...base_, reason: 'clientAssertionReplayed' })
  refuse(context, unit, 401, 'invalid_client')
}

/** Whether this is the id under which the engine keeps that the proof of this request was used. */
function isMarkOfProof(id: string, context: Context, { proof }: UnitOfWork): boolean {
  const issuer = context.oidc?.client?.clientId
  return proof !== null && id === createHash('sha256').update(`${issuer}${proof.jti}`).digest('base64url')
}

/** Refusals that change something are committed with it; all others are coalesced, so that a flood cannot fill the log. */
async function recordRefusal(unit: UnitOfWork, kept: readonly EngineOperation[], event: AuditEvent): Promise<void> {
  if (kept.length > 0) {
    const committed = await unit.commitOnly([event], kept)
    if (committed.outcome === 'committed') return
  }
  await unit.recordRefusal(event)
}

function base(
  context: Context,
  unit: UnitOfWork,
  activity: AuditEvent['activity'],
  outcome: AuditEvent['outcome'],
): AuditEvent {
  const clientId = context.oidc?.client?.clientId
  return {
    tenant: unit.snapshot.tenant,
    activity,
    outcome,
    requestId: unit.requestId,
    decision: { config: unit.snapshot.version },
    ...(clientId === undefined ? {} : { clientId: asClientId(clientId) }),
  }
}

function subjectOf(token: TokenSource, { direct }: UnitOfWork): Pick<AuditEvent, 'subject'> {
  if (direct !== null) return { subject: direct.subject }
  return token.accountId === undefined ? {} : { subject: asSubjectId(token.accountId) }
}

function grantTypeOf(context: Context): string {
  return String(context.oidc?.params?.['grant_type'])
}

function tokenActivity(context: Context, unit: UnitOfWork): AuditEvent['activity'] {
  if (unit.endpoint !== 'token') return 'request.refused'
  return grantTypeOf(context) === 'refresh_token' ? 'token.refresh' : 'token.issue'
}

/** What the token is bound to, if it is. */
function describeBinding(token: TokenSource): Readonly<Record<string, string>> {
  const { jkt, x5t } = bindingOf(token)
  return {
    ...(jkt === null ? {} : { boundToKey: jkt }),
    ...(x5t === null ? {} : { boundToCertificate: x5t }),
  }
}

function serverOf(unit: UnitOfWork, token: { readonly aud?: unknown }): Pick<AuditEvent, 'server'> {
  const server = findProtectedResource(token.aud, unit.snapshot)
  return server === null ? {} : { server: server.id }
}

function reason(unit: UnitOfWork): string {
  return unit.refusal === null ? 'refused' : reasonOf(unit.refusal)
}

function isErrorBody(body: unknown): body is { error: string; error_description?: string } {
  return typeof body === 'object' && body !== null && 'error' in body
}

/** RFC 6749 §5.2, with the request id that the operator can explain. */
function refuse(context: Context, unit: UnitOfWork, status: number, error: string): void {
  context.status = status
  context.body = { error, error_description: 'grant request is invalid' }
  nameRequest(context, unit)
}

/** Adds the request id to the description, in the body or in the redirect back to the client. */
function nameRequest(context: Context, unit: UnitOfWork): void {
  const suffix = `(request ${unit.requestId})`
  if (isErrorBody(context.body)) {
    context.body = { ...context.body, error_description: `${context.body.error_description ?? ''} ${suffix}`.trim() }
    return
  }
  const location = context.res.getHeader('location')
  const url = typeof location === 'string' ? URL.parse(location) : null
  if (url === null) return
  if (url.searchParams.has('error')) describeWith(url.searchParams, suffix)
  else {
    // RFC 6749 §4.2.2.1: whoever asked for a token in the response, which we do not do, reads errors in the fragment.
    const fragment = new URLSearchParams(url.hash.slice(1))
    if (!fragment.has('error')) return
    describeWith(fragment, suffix)
    url.hash = fragment.toString()
  }
  context.set('Location', url.href)
  context.body = ''
}

function describeWith(parameters: URLSearchParams, suffix: string): void {
  parameters.set('error_description', `${parameters.get('error_description') ?? ''} ${suffix}`.trim())
}

function showPage(context: Context, unit: UnitOfWork): void {
  show(context, 400, errorPage({ ...STARTED_ELSEWHERE, requestId: unit.requestId }))
}

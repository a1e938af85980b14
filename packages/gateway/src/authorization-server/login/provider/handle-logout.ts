import { createHash } from 'node:crypto'
import type { AuditEvent } from '#audit/trail.ts'
import { type Result, refused } from '#core/result.ts'
import type { IdentityProvider } from '#core/snapshot.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { readForm } from '#http/form.ts'
import { sendJson } from '#http/respond.ts'
import type { FailureBudget } from '#identity/failure-budget.ts'
import type { IssuerKeys } from '#identity/issuer-keys.ts'
import { readAssertion, verifyAssertion } from '#identity/verify-assertion.ts'
import { answerNotAvailable } from '../../not-available.ts'
import type { PageContext } from '../../pages/deps.ts'
import { judgeLogoutToken, type LogoutToken } from './judge-logout-token.ts'

export interface LogoutContext extends PageContext {
  readonly issuerKeys: IssuerKeys
  readonly failures: FailureBudget
}

/**
 * OpenID Connect Back-Channel Logout 1.0 §2.5: the provider says that somebody is gone. Whoever sends it has no credential but the token,
 * which counts once. It is answered when everything that it ends has ended, here and, within the feed's second, at every replica.
 */
export function receiveLogout(context: LogoutContext): Route['handler'] {
  return async (exchange, { provider: name = '' }) => {
    const { snapshots, failures, onFailure } = context
    const provider = snapshots.current().identityProviders.get(name)
    try {
      const waitSeconds = failures.waitSeconds(exchange.clientAddress)
      if (waitSeconds > 0) return await answerRefusal(context, exchange, 'tooManyRequests', waitSeconds)
      if (provider === undefined) return await answerRefusal(context, exchange, 'logoutProviderUnknown')
      const token = await readToken(context, exchange, provider)
      if (!token.ok && token.refusal === 'unavailable') return answerNotAvailable(exchange, 'program')
      if (!token.ok) return await answerRefusal(context, exchange, token.refusal)
      if (!(await end(context, exchange, provider, token.value)))
        return await answerRefusal(context, exchange, 'logoutTokenReplayed')
      exchange.response.writeHead(200, { 'cache-control': 'no-store', 'content-length': '0' }).end()
    } catch (cause) {
      onFailure(exchange.requestId, cause)
      answerNotAvailable(exchange, 'program')
    }
  }
}

/** §2.6. `unavailable`: nothing can be known about it now, so the provider may send it again. */
async function readToken(
  { openProvider, issuerKeys, clock, onFailure }: LogoutContext,
  { request, requestId }: HttpExchange,
  provider: IdentityProvider,
): Promise<Result<LogoutToken, string>> {
  const form = await readForm(request)
  const text = form.ok ? form.value.get('logout_token') : null
  if (text === null || text === '') return refused('malformedBody')
  const { issuer, clientId, network } = provider
  // Whose it says it is comes before anybody is asked for keys.
  const whose = readAssertion(text, [{ issuer, keys: { kind: 'jwks', jwks: [] } } as const])
  if (!whose.ok) return refused('logoutTokenInvalid')
  let jwksUri: string | undefined
  try {
    jwksUri = (await openProvider(provider)).serverMetadata().jwks_uri
  } catch (cause) {
    onFailure(requestId, cause)
  }
  if (jwksUri === undefined) return refused('unavailable')
  const signer = { issuer, keys: { kind: 'jwksUri', jwksUri, network } } as const
  const claims = await verifyAssertion({ ...whose.value, issuer: signer }, issuerKeys)
  if (!claims.ok) return refused(claims.refusal.kind === 'unavailable' ? 'unavailable' : 'logoutTokenInvalid')
  return judgeLogoutToken(claims.value, whose.value.type, { clientId, now: clock.nowSeconds() })
}

/** False where the token has been used before. */
async function end(
  { store, snapshots, audit, clock }: LogoutContext,
  { requestId, clientAddress }: HttpExchange,
  { name, issuer, logoutEnds }: IdentityProvider,
  { externalSubject, sid, jti, endsAt }: LogoutToken,
): Promise<boolean> {
  const { tenant, version } = snapshots.current()
  const whom = { provider: name, issuer, externalSubject, sid }
  const subjects = await store.providerLogins.subjectsOf(tenant, whom)
  const event: AuditEvent = {
    tenant,
    activity: 'logout',
    outcome: 'success',
    reason: subjects.length === 0 ? 'logoutOfNobody' : 'loggedOutAtProvider',
    requestId,
    decision: { config: version },
    detail: { provider: name, ends: logoutEnds, hasSession: sid !== null },
    personal: { address: clientAddress },
  }
  const events = subjects.length === 0 ? [event] : subjects.map((subject) => ({ ...event, subject }))
  const mark = createHash('sha256').update(`logout|${issuer}|${jti}`).digest('base64url')
  const ended = await store.providerLogins.endElsewhere(
    tenant,
    whom,
    { reach: logoutEnds, cause: 'loggedOutAtProvider', mark, markEndsAt: endsAt, now: clock.nowSeconds() },
    events.map((one) => audit.entry(one)),
  )
  return ended.outcome === 'ended'
}

/** §2.8: 400, and nothing about why that a stranger could use. */
async function answerRefusal(
  { audit, snapshots, failures }: LogoutContext,
  { response, requestId, clientAddress }: HttpExchange,
  reason: string,
  waitSeconds = 0,
): Promise<void> {
  if (waitSeconds === 0) failures.countFailure(clientAddress)
  const { tenant } = snapshots.current()
  const detail = { endpoint: 'logout' }
  await audit.refusedUnauthenticated(
    { tenant, activity: 'logout', outcome: 'refused', reason, requestId, detail },
    clientAddress,
  )
  const body =
    waitSeconds === 0
      ? {
          error: 'invalid_request',
          error_description: `This is no logout token that counts here (request ${requestId})`,
        }
      : { error: 'temporarily_unavailable', error_description: `Try again later (request ${requestId})` }
  sendJson(response, waitSeconds === 0 ? 400 : 429, body, {
    'cache-control': 'no-store',
    ...(waitSeconds === 0 ? {} : { 'retry-after': String(waitSeconds) }),
  })
}

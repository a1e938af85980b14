import type { AuditEvent } from '#audit/trail.ts'
import { acrOf } from '#core/acr.ts'
import { asSubjectId } from '#core/ids.ts'
import type { IdentityProvider, LoginDemand } from '#core/snapshot.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { safeUrl } from '#http/html.ts'
import { sendRedirect } from '#http/respond.ts'
import { addressGroup } from '#net/addresses.ts'
import { judgeLogin } from '#policy/login-demands.ts'
import type { Interaction } from '../../interactions.ts'
import { answerProblem, type PageProblem } from '../../pages/answer.ts'
import type { PageContext } from '../../pages/deps.ts'
import type { LoginPlace } from '../handle-login.ts'
import { accountOf } from './account-of.ts'
import { amrOf, authTimeOf, FUTURE_SECONDS_MAX, maxAge } from './authentication-of.ts'
import type { IdentityTestPages } from './identity-tests.ts'
import { keepLogin } from './keep-login.ts'
import { loginCookieOf } from './login-cookie.ts'
import { redeem } from './redeem.ts'
import { sendToProvider } from './send-to-provider.ts'
import { digestOf, keep, take } from './transactions.ts'

/** From the callback to the page behind it. */
const TICKET_SECONDS = 60
/** Each beginning is a document in the store. */
const BEGIN_LIMIT = { burst: 120, periodSeconds: 600 }

/** Sends the browser to the provider. Nothing of what the client asked for goes along: this is a login of its own. */
export function beginProviderLogin(context: PageContext, place: LoginPlace): Route['handler'] {
  return async (exchange, { uid = '', provider: name = '' }) => {
    const snapshot = context.snapshots.current()
    const provider = snapshot.identityProviders.get(name)
    const interaction = await context.interactions.load(exchange, uid)
    if (provider === undefined || interaction?.prompt !== place) return answerProblem(exchange, 'expired')
    const key = `providerLogin:${addressGroup(exchange.clientAddress)}`
    const limit = await context.store.limits.draw(snapshot.tenant, [{ key, ...BEGIN_LIMIT }], context.clock.nowMs())
    if (limit.kind === 'exceeded') return answerProblem(exchange, 'busy')
    const maxAgeSeconds = Math.min(
      maxAge(snapshot, provider),
      interaction.demand.maxAgeSeconds ?? Number.POSITIVE_INFINITY,
    )
    const more = stepUp(interaction.demand, provider)
    const sent = await sendToProvider(context, exchange, provider, { uid, place, maxAgeSeconds, more })
    if (sent.ok) return
    context.onFailure(exchange.requestId, sent.refusal.cause)
    await refuse(context, exchange, provider, 'providerUnreachable')
  }
}

/** The browser is back from the provider. What it brings counts once, for the browser that went, for the provider that it went to. */
export function finishProviderLogin(context: PageContext, tests: Pick<IdentityTestPages, 'finish'>): Route['handler'] {
  return async (exchange, { provider: name = '' }) => {
    const snapshot = context.snapshots.current()
    const provider = snapshot.identityProviders.get(name)
    const browser = loginCookieOf(exchange)
    const states = exchange.query.getAll('state')
    const [state] = states
    if (provider === undefined) return answerProblem(exchange, 'expired')
    if (browser === null || state === undefined || states.length !== 1)
      return await refuse(context, exchange, provider, 'loginNotBegunHere')
    const transaction = await take(context, 'transaction', state)
    if (transaction === null || transaction.provider !== name || transaction.browser !== digestOf(browser))
      return await refuse(context, exchange, provider, 'loginNotBegunHere')
    const redeemed = await redeem(context, exchange, provider, transaction, state)
    const { uid, place } = transaction
    if (place === 'test') return await tests.finish(exchange, provider, uid, redeemed)
    if (!redeemed.ok) {
      const { reason, cause } = redeemed.refusal
      // Its own words stay with the operator.
      if (cause !== null && reason !== 'providerRefused') context.onFailure(exchange.requestId, cause)
      return await refuse(context, exchange, provider, reason)
    }
    const { claims, refreshToken } = redeemed.value
    const now = context.clock.nowSeconds()
    const authTime = authTimeOf(claims, now)
    if (authTime === null) return await refuse(context, exchange, provider, 'idTokenInvalid')
    // OpenID Connect Core §3.1.3.7: whoever asked for an age looks at what came. The login here would be over before it began.
    if (now - authTime > maxAge(snapshot, provider) + FUTURE_SECONDS_MAX)
      return await refuse(context, exchange, provider, 'authenticationTooOld')
    // Before anything is opened or linked for somebody who is then not let in.
    if (provider.recheck !== null && refreshToken === null)
      return await refuse(context, exchange, provider, 'refreshTokenMissing')
    const base = eventOf(context, exchange, provider)
    const account = await accountOf(context, provider, claims, base)
    if (!account.ok) return await refuse(context, exchange, provider, account.refusal)
    const { subject, passwordHash } = account.value
    const kept = await keepLogin(context, provider, { subject, claims, authTime, refreshToken })
    if (!kept.ok) return await refuse(context, exchange, provider, kept.refusal)
    const amr = amrOf(claims, provider)
    const isTimeKnown = claims['auth_time'] !== undefined
    const ticket = { subject, authTime, amr, passwordHash, loginId: kept.value, isTimeKnown }
    if (!(await keep(context, 'ticket', ticketSecret(browser, uid), ticket, TICKET_SECONDS)))
      return answerProblem(exchange, 'expired')
    const [page, rest] = place === 'login' ? ['/login/', '/return'] : ['/consent/', '/account/return']
    const next = `${page}${encodeURIComponent(uid)}${rest}`
    sendRedirect(exchange.response, String(safeUrl(next, snapshot.publicUrl)))
  }
}

/** Below the interaction's own path, where the browser shows that the interaction is its own. */
export function returnToInteraction(context: PageContext, place: LoginPlace): Route['handler'] {
  return async (exchange, { uid = '' }) => {
    const interaction = await context.interactions.load(exchange, uid)
    const browser = loginCookieOf(exchange)
    if (interaction?.prompt !== place || browser === null) return answerProblem(exchange, 'expired')
    const ticket = await take(context, 'ticket', ticketSecret(browser, uid))
    if (ticket === null) return answerProblem(exchange, 'expired')
    const subject = asSubjectId(ticket.subject)
    const facts = { ...ticket, acr: acrOf(ticket.amr) }
    const judged = judgeLogin(facts, interaction.demand, context.clock.nowSeconds() - FUTURE_SECONDS_MAX)
    if (judged !== 'enough') {
      await recordLogin(context, exchange, interaction, subject, judged)
      return answerProblem(exchange, 'secondFactor')
    }
    await recordLogin(context, exchange, interaction, subject)
    const next = await context.interactions.finishLogin(exchange, interaction, { ...ticket, subject })
    if (next === null) return answerProblem(exchange, 'expired')
    sendRedirect(exchange.response, String(safeUrl(next, context.snapshots.current().publicUrl)))
  }
}

/** OpenID Connect Core §3.1.2.1: what the provider should do more of, where what is asked for here needs it. */
function stepUp({ multiFactor }: LoginDemand, { multiFactorAcr }: IdentityProvider): Record<string, string> {
  return multiFactor && multiFactorAcr.length > 0 ? { acr_values: multiFactorAcr.join(' ') } : {}
}

function ticketSecret(browser: string, uid: string): string {
  return `${browser}|${uid}`
}

/** Which page a person gets for it. */
const PAGES: Readonly<Record<string, PageProblem>> = {
  providerUnreachable: 'provider',
  idTokenInvalid: 'provider',
  tenantMismatch: 'provider',
  authenticationTooOld: 'provider',
  providerRefused: 'providerRefused',
  loginNotBegunHere: 'expired',
  loginEndedMeanwhile: 'expired',
  refreshTokenMissing: 'provider',
}

function eventOf(
  context: PageContext,
  exchange: HttpExchange,
  provider: IdentityProvider,
): Omit<AuditEvent, 'activity' | 'outcome'> {
  return {
    tenant: context.snapshots.current().tenant,
    requestId: exchange.requestId,
    detail: { method: 'provider', provider: provider.name },
    personal: { address: exchange.clientAddress },
  }
}

async function refuse(
  context: PageContext,
  exchange: HttpExchange,
  provider: IdentityProvider,
  reason: string,
): Promise<void> {
  const event = { ...eventOf(context, exchange, provider), activity: 'login', outcome: 'refused', reason } as const
  await context.audit.refusedUnauthenticated(event, exchange.clientAddress)
  answerProblem(exchange, PAGES[reason] ?? 'notLinked')
}

async function recordLogin(
  context: PageContext,
  exchange: HttpExchange,
  interaction: Interaction,
  subject: ReturnType<typeof asSubjectId>,
  reason: string | null = null,
): Promise<void> {
  await context.audit.record({
    tenant: context.snapshots.current().tenant,
    activity: 'login',
    outcome: reason === null ? 'success' : 'refused',
    ...(reason === null ? {} : { reason }),
    requestId: exchange.requestId,
    clientId: interaction.clientId,
    server: interaction.server.id,
    subject,
    detail: { method: 'provider' },
    personal: { address: exchange.clientAddress },
  })
}

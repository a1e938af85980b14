import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ResponseBodyError,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client'
import type { AuditEvent } from '#audit/trail.ts'
import { acrOf } from '#core/acr.ts'
import { asSubjectId } from '#core/ids.ts'
import type { IdentityProvider, LoginDemand, Snapshot } from '#core/snapshot.ts'
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
import { githubAuthorizationUrl, redeemAtGithub } from './github.ts'
import { keepLogin, loginSecondsMax } from './keep-login.ts'
import { loginCookieOf, setLoginCookie } from './login-cookie.ts'
import { parametersOf, scopesOf } from './profiles.ts'
import { digestOf, keep, type LoginTransaction, take } from './transactions.ts'

/** As long as the interaction that it belongs to. */
const TRANSACTION_SECONDS = 600
/** From the callback to the page behind it. */
const TICKET_SECONDS = 60
/** Each beginning is a document in the store. */
const BEGIN_LIMIT = { burst: 120, periodSeconds: 600 }
/** Clocks that differ. */
const FUTURE_SECONDS_MAX = 60

export function callbackPath(provider: string): string {
  return `/oidc/callback/${encodeURIComponent(provider)}`
}

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
    let url: URL
    const [state, nonce, verifier] = [randomState(), randomNonce(), randomPKCECodeVerifier()]
    try {
      const maxAgeSeconds = Math.min(
        maxAge(snapshot, provider),
        interaction.demand.maxAgeSeconds ?? Number.POSITIVE_INFINITY,
      )
      const parameters = {
        redirect_uri: `${snapshot.publicUrl}${callbackPath(name)}`,
        scope: scopesOf(provider).join(' '),
        state,
        code_challenge: await calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...parametersOf(provider, maxAgeSeconds),
        ...stepUp(interaction.demand, provider),
      }
      url =
        provider.profile === 'github'
          ? githubAuthorizationUrl(provider, parameters)
          : buildAuthorizationUrl(await context.openProvider(provider), { ...parameters, nonce })
    } catch (cause) {
      context.onFailure(exchange.requestId, cause)
      return await refuse(context, exchange, provider, 'providerUnreachable')
    }
    const browser = setLoginCookie(exchange, context.random)
    const transaction = { provider: name, uid, place, verifier, nonce, browser: digestOf(browser) }
    await keep(context, 'transaction', state, transaction, TRANSACTION_SECONDS)
    sendRedirect(exchange.response, url.href)
  }
}

/** The browser is back from the provider. What it brings counts once, for the browser that went, for the provider that it went to. */
export function finishProviderLogin(context: PageContext): Route['handler'] {
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
    if (typeof redeemed === 'string') return await refuse(context, exchange, provider, redeemed)
    const { claims, refreshToken } = redeemed
    const now = context.clock.nowSeconds()
    const authTime = authTimeOf(claims, now)
    if (authTime === null) return await refuse(context, exchange, provider, 'idTokenInvalid')
    // OpenID Connect Core §3.1.3.7: whoever asked for an age looks at what came. The login here would be over before it began.
    if (now - authTime > maxAge(snapshot, provider) + FUTURE_SECONDS_MAX)
      return await refuse(context, exchange, provider, 'authenticationTooOld')
    const base = eventOf(context, exchange, provider)
    const account = await accountOf(context, provider, claims, base)
    if (!account.ok) return await refuse(context, exchange, provider, account.refusal)
    const { subject, passwordHash } = account.value
    const kept = await keepLogin(context, provider, { subject, claims, authTime, refreshToken })
    if (!kept.ok) return await refuse(context, exchange, provider, kept.refusal)
    const amr = amrOf(claims, provider)
    const isTimeKnown = claims['auth_time'] !== undefined
    const ticket = { subject, authTime, amr, passwordHash, loginId: kept.value, isTimeKnown }
    if (!(await keep(context, 'ticket', ticketSecret(browser, transaction.uid), ticket, TICKET_SECONDS)))
      return answerProblem(exchange, 'expired')
    const page = transaction.place === 'login' ? '/login/' : '/consent/'
    const rest = transaction.place === 'login' ? '/return' : '/account/return'
    const next = `${page}${encodeURIComponent(transaction.uid)}${rest}`
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

type Claims = Readonly<Record<string, unknown>>

interface Redeemed {
  /** Of the verified ID token. */
  readonly claims: Claims
  readonly refreshToken: string | null
}

/** What the code was good for, or why it was good for nothing. */
async function redeem(
  context: PageContext,
  exchange: HttpExchange,
  provider: IdentityProvider,
  { verifier, nonce }: LoginTransaction,
  state: string,
): Promise<Redeemed | 'providerRefused' | 'providerUnreachable' | 'idTokenInvalid'> {
  const { publicUrl } = context.snapshots.current()
  const url = new URL(`${publicUrl}${callbackPath(provider.name)}`)
  if (provider.profile === 'github') return await redeemCode(exchange, provider, url.href, verifier)
  url.search = exchange.query.toString()
  try {
    const tokens = await authorizationCodeGrant(await context.openProvider(provider), url, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    })
    const claims = tokens.claims()
    return claims === undefined ? 'idTokenInvalid' : { claims, refreshToken: tokens.refresh_token ?? null }
  } catch (cause) {
    // Its own words stay with the operator.
    if (cause instanceof AuthorizationResponseError || cause instanceof ResponseBodyError) return 'providerRefused'
    context.onFailure(exchange.requestId, cause)
    return isOfTheWay(cause) ? 'providerUnreachable' : 'idTokenInvalid'
  }
}

/** As `authorizationCodeGrant` does it for others: an error of the provider, or exactly one code. */
async function redeemCode(
  { query }: HttpExchange,
  provider: IdentityProvider,
  redirectUri: string,
  verifier: string,
): Promise<Redeemed | 'providerRefused' | 'providerUnreachable'> {
  const codes = query.getAll('code')
  const [code] = codes
  if (query.has('error') || codes.length !== 1 || code === undefined) return 'providerRefused'
  const claims = await redeemAtGithub(provider, code, { redirectUri, verifier })
  return typeof claims === 'string' ? claims : { claims, refreshToken: null }
}

function isOfTheWay(cause: unknown): boolean {
  return cause instanceof Error && (cause.name === 'OutboundFailure' || isOfTheWay(cause.cause))
}

/**
 * How long ago the person may have proved themselves. A login counts from then, and nothing outlives it, so half of its time has to be left; the
 * provider asks again where it is longer.
 */
function maxAge(snapshot: Snapshot, provider: IdentityProvider): number {
  return Math.floor(loginSecondsMax(snapshot, provider) / 2)
}

/** When the person proved themselves to the provider; now, where it does not say; null where what it says is no time that has been. */
function authTimeOf(claims: Claims, now: number): number | null {
  const said = claims['auth_time']
  if (said === undefined) return now
  return typeof said === 'number' && said >= 0 && said <= now + FUTURE_SECONDS_MAX
    ? Math.min(Math.floor(said), now)
    : null
}

/** RFC 8176. A provider that says nothing vouches for one factor; an `acr` that the configuration knows as more counts as `mfa`. */
function amrOf(claims: Claims, { multiFactorAcr }: IdentityProvider): readonly string[] {
  const { amr, acr } = claims
  const said = Array.isArray(amr) ? amr.filter((one): one is string => typeof one === 'string' && one.length <= 32) : []
  const methods = said.length > 0 ? said.slice(0, 8) : ['fed']
  return typeof acr === 'string' && multiFactorAcr.includes(acr) ? [...methods, 'mfa'] : methods
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

import type { AuditTrail } from '#audit/trail.ts'
import { acrOf, MULTI_FACTOR } from '#core/acr.ts'
import { randomToken } from '#core/random.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { IdentityProvider } from '#core/snapshot.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { html } from '#http/html.ts'
import { addressGroup } from '#net/addresses.ts'
import { answerPage, answerProblem } from '../../pages/answer.ts'
import type { PageContext } from '../../pages/deps.ts'
import { layout } from '../../pages/layout.ts'
import { say, sayPlainly } from '../../pages/say.ts'
import { amrOf, authTimeOf, FUTURE_SECONDS_MAX, maxAge } from './authentication-of.ts'
import { type Foreseen, foreseeAccount } from './foresee-account.ts'
import type { NotRedeemed, Redeemed } from './redeem.ts'
import { callbackPath, sendToProvider } from './send-to-provider.ts'
import { keep, look, replace } from './transactions.ts'
import { wordsOf } from './words-of.ts'

/** For the operator to find somebody who logs in, and for that person to do it. */
const TEST_SECONDS = 900
/** Each beginning is a document in the store. */
const BEGIN_LIMIT = { burst: 60, periodSeconds: 600 }
const CLAIMS_MAX = 100
const CLAIM_CHARACTERS_MAX = 2_000

/** What a login came to. Nobody was logged in, and no account was opened, linked or changed. */
export interface TestResult {
  /** Null: the person would be let in. */
  readonly reason: string | null
  /** In the words of the provider or of the library that speaks with it. */
  readonly said: string | null
  /** Of the verified ID token; long ones are cut. Null where there is none. */
  readonly claims: Readonly<Record<string, unknown>> | null
  readonly account: Foreseen | null
  readonly authentication: {
    /** Seconds; null where the provider does not say when the person proved themselves. */
    readonly at: number | null
    readonly amr: readonly string[]
    readonly isMultiFactor: boolean
  } | null
}

export interface BegunTest {
  readonly testId: string
  /** Where somebody who has an account at the provider logs in. Good for a quarter of an hour. */
  readonly url: string
  /** To be registered at the provider. */
  readonly redirectUri: string
}

/** Logins that an operator tries out before anybody depends on them. */
export interface IdentityTests {
  begin(
    name: string,
  ): Promise<
    Result<BegunTest, { readonly kind: 'unknown' } | { readonly kind: 'unreachable'; readonly said: string | null }>
  >
  /** Null where there is no such test, or none any more; its result is null until the browser is back. */
  look(testId: string): Promise<{ readonly provider: string; readonly result: TestResult | null } | null>
  /** Sends the browser to the provider. */
  readonly send: Route['handler']
  /** The browser is back. */
  finish(
    exchange: HttpExchange,
    provider: IdentityProvider,
    testId: string,
    redeemed: Result<Redeemed, NotRedeemed>,
  ): Promise<void>
}

export type IdentityTestsContext = Pick<
  PageContext,
  'store' | 'snapshots' | 'sealer' | 'clock' | 'random' | 'openProvider'
> & {
  readonly audit: Pick<AuditTrail, 'record'>
}

export function createIdentityTests(context: IdentityTestsContext): IdentityTests {
  const { snapshots, store, clock, random } = context
  return {
    begin: async (name) => {
      const { identityProviders, publicUrl } = snapshots.current()
      const provider = identityProviders.get(name)
      if (provider === undefined) return refused({ kind: 'unknown' })
      try {
        if (provider.profile !== 'github') await context.openProvider(provider)
      } catch (cause) {
        return refused({ kind: 'unreachable', said: wordsOf(cause) })
      }
      const testId = randomToken(random)
      await keep(context, 'test', testId, { provider: name, result: null }, TEST_SECONDS)
      return ok({ testId, url: `${publicUrl}/oidc/test/${testId}`, redirectUri: `${publicUrl}${callbackPath(name)}` })
    },

    look: (testId) => look(context, 'test', testId),

    send: async (exchange, { test: testId = '' }) => {
      const snapshot = snapshots.current()
      const key = `providerTest:${addressGroup(exchange.clientAddress)}`
      const limit = await store.limits.draw(snapshot.tenant, [{ key, ...BEGIN_LIMIT }], clock.nowMs())
      if (limit.kind === 'exceeded') return answerProblem(exchange, 'busy')
      const test = await look(context, 'test', testId)
      const provider = test === null ? undefined : snapshot.identityProviders.get(test.provider)
      if (provider === undefined) return answerProblem(exchange, 'expired')
      const asked = { uid: testId, place: 'test', maxAgeSeconds: maxAge(snapshot, provider), more: {} } as const
      const sent = await sendToProvider(context, exchange, provider, asked)
      if (sent.ok) return
      await finishWith(context, exchange, provider, testId, failure('providerUnreachable', wordsOf(sent.refusal.cause)))
    },

    finish: async (exchange, provider, testId, redeemed) => {
      const result = redeemed.ok
        ? await judge(context, provider, redeemed.value)
        : failure(redeemed.refusal.reason, wordsOf(redeemed.refusal.cause))
      await finishWith(context, exchange, provider, testId, result)
    },
  }
}

function failure(reason: string, said: string | null): TestResult {
  return { reason, said, claims: null, account: null, authentication: null }
}

/** In the order in which a login is judged. */
async function judge(
  context: IdentityTestsContext,
  provider: IdentityProvider,
  redeemed: Redeemed,
): Promise<TestResult> {
  const { claims, refreshToken } = redeemed
  const now = context.clock.nowSeconds()
  const amr = amrOf(claims, provider)
  const authTime = authTimeOf(claims, now)
  const at = claims['auth_time'] === undefined ? null : authTime
  const foreseen = await foreseeAccount(context, provider, claims)
  const isTooOld =
    authTime !== null && now - authTime > maxAge(context.snapshots.current(), provider) + FUTURE_SECONDS_MAX
  const reasons = [
    authTime === null ? 'idTokenInvalid' : null,
    isTooOld ? 'authenticationTooOld' : null,
    foreseen.ok ? null : foreseen.refusal,
    provider.recheck !== null && refreshToken === null ? 'refreshTokenMissing' : null,
  ]
  return {
    reason: reasons.find((reason) => reason !== null) ?? null,
    said: null,
    claims: cut(claims),
    account: foreseen.ok ? foreseen.value : null,
    authentication: { at, amr, isMultiFactor: acrOf(amr) === MULTI_FACTOR },
  }
}

function cut(claims: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(claims)
      .slice(0, CLAIMS_MAX)
      .map(([name, value]) => {
        const { length } = JSON.stringify(value)
        return [name, length > CLAIM_CHARACTERS_MAX ? `(${length} characters)` : value]
      }),
  )
}

async function finishWith(
  context: IdentityTestsContext,
  exchange: HttpExchange,
  provider: IdentityProvider,
  testId: string,
  result: TestResult,
): Promise<void> {
  // Its time may be over while somebody types a password.
  const test = await look(context, 'test', testId)
  if (test?.provider !== provider.name) return answerProblem(exchange, 'expired')
  await replace(context, 'test', testId, { provider: provider.name, result }, TEST_SECONDS)
  await context.audit.record({
    tenant: context.snapshots.current().tenant,
    activity: 'provider.test',
    outcome: result.reason === null ? 'success' : 'refused',
    ...(result.reason === null ? {} : { reason: result.reason }),
    requestId: exchange.requestId,
    detail: { provider: provider.name },
    personal: { address: exchange.clientAddress },
  })
  const title = sayPlainly('providerTest.title')
  answerPage(
    exchange,
    200,
    layout({
      title,
      card: html`<h1>${title}</h1><p class="lead">${say('providerTest.lead')}</p><p>${say('providerTest.what')}</p>`,
    }),
  )
}

import type { AuditTrail } from '#audit/trail.ts'
import { acrOf, MULTI_FACTOR } from '#core/acr.ts'
import type { IdentityTests, TestResult } from '#core/identity-tests.ts'
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
import { foreseeAccount } from './foresee-account.ts'
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

/** `IdentityTests`, and the two pages that a browser meets. */
export interface IdentityTestPages extends IdentityTests {
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

export function createIdentityTests(context: IdentityTestsContext): IdentityTestPages {
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
    provider.recheck !== null && refreshToken === null ? 'refreshTokenMissing' : null,
    foreseen.ok ? null : foreseen.refusal,
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

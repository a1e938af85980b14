import fc from 'fast-check'
import { expect, vi } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import type { Store } from '#store/ports/store.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  redeem,
  refresh,
  startAuthorizationServer,
  type TokenAnswer,
} from './authorization-server.ts'

const WINDOW_SECONDS = 20

/** Two replicas on one store, which can lose the answer of a commit as a killed process or a cut connection does. */
export interface Replicas {
  readonly servers: readonly [AuthorizationServerUnderTest, AuthorizationServerUnderTest]
  /** What failed before is forgotten: each family is a day of its own for whoever counts failures of an address. */
  nextDay(): void
  /** The next commit of each is done, and nobody hears of it. */
  loseAnswers(isLost: boolean): void
  close(): Promise<void>
}

/** The machine's date is what moves, for the engine as for us; nothing else stands still. */
export async function startTwo(store: Store): Promise<Replicas> {
  vi.useFakeTimers({ toFake: ['Date'] })
  let isLost = false
  let days = 0
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + days * 86_400_000 }
  const wrapStore = (whole: Store): Store => ({
    ...whole,
    engine: {
      ...whole.engine,
      commit: async (...args) => {
        const outcome = await whole.engine.commit(...args)
        if (isLost) throw new Error('killed')
        return outcome
      },
    },
  })
  const one = await startAuthorizationServer({ store, clock, wrapStore })
  const two = await startAuthorizationServer({ beside: one, clock })
  return {
    servers: [one, two],
    nextDay: () => {
      days += 1
    },
    loseAnswers: (lost) => {
      isLost = lost
    },
    close: async () => {
      await two.close()
      await one.close()
      vi.useRealTimers()
    },
  }
}

/** One refresh token as the model knows it. */
interface Token {
  readonly text: string
  /** When it was used, and what that use gave; null while it is unused. */
  used: { readonly at: number; readonly answer: Record<string, unknown>; readonly next: Token } | null
}

export type Step =
  /** Some processes of one client use this token at once: the `back`-th before the newest. */
  | { readonly kind: 'use'; readonly back: number; readonly at: readonly (0 | 1)[] }
  /** The newest is used, and the answer is lost; the client tries again after `waits` seconds. */
  | { readonly kind: 'lost'; readonly waits: number }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'revoke' }

export const STEPS: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('use' as const),
        back: fc.nat(3),
        at: fc.array(fc.constantFrom(0 as const, 1 as const), { minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('lost' as const), waits: fc.nat(WINDOW_SECONDS - 1) }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 25 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke' as const) }) },
  ),
  { minLength: 1, maxLength: 14 },
)

/** Takes these steps in a family of its own and expects of each what the rules say. */
export async function live({ servers, nextDay, loseAnswers }: Replicas, steps: readonly Step[]): Promise<void> {
  nextDay()
  const [first] = servers
  const { code, verifier } = await authorize(first)
  const redeemed = await redeem(first, code, verifier)
  const chain: Token[] = [{ text: String(redeemed.body['refresh_token']), used: null }]
  const grantId = await newestGrant(first)
  let isDead = false

  const newest = () => chain.at(-1) ?? fail()
  const note = (token: Token, { status, body }: TokenAnswer) => {
    expect(status, JSON.stringify(body)).toBe(200)
    const next = { text: String(body['refresh_token']), used: null }
    token.used = { at: systemClock.nowSeconds(), answer: body, next }
    chain.push(next)
  }
  /** What the rules say of one more use of this token. */
  const judge = (token: Token, answers: readonly TokenAnswer[]) => {
    const refused = () => {
      for (const answer of answers) expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    }
    if (isDead) return refused()
    if (token.used === null) {
      const [winner] = answers
      note(token, winner ?? fail())
      // Together: all the same, whoever came first.
      for (const answer of answers) expect(answer).toEqual(winner)
      return
    }
    if (systemClock.nowSeconds() >= token.used.at + WINDOW_SECONDS) {
      isDead = true
      return refused()
    }
    if (token.used.next.used !== null) return refused()
    for (const answer of answers) expect(answer).toEqual({ status: 200, body: token.used.answer })
  }

  for (const step of steps) {
    if (step.kind === 'wait') forward(step.seconds)
    else if (step.kind === 'revoke') {
      await first.store.grants.revoke(DEFAULT_TENANT, { grantId }, 'operator', systemClock.nowSeconds(), [])
      isDead = true
    } else if (step.kind === 'use') {
      const token = chain.at(-1 - step.back) ?? newest()
      judge(token, await Promise.all(step.at.map((at) => refresh(servers[at], token.text))))
    } else {
      const token = newest()
      loseAnswers(true)
      const lost = await refresh(first, token.text)
      loseAnswers(false)
      // What is refused commits nothing that could be lost, or its refusal is.
      expect([400, 503]).toContain(lost.status)
      forward(step.waits)
      const again = await refresh(servers[1], token.text)
      if (isDead) judge(token, [again])
      else {
        note(token, again)
        if (token.used !== null) token.used = { ...token.used, at: systemClock.nowSeconds() - step.waits }
      }
    }
    await expectOneFamily(first, chain, grantId, isDead)
  }
}

/** Never two tokens that could be used, and none of a dead family. */
async function expectOneFamily(
  { store }: AuthorizationServerUnderTest,
  chain: readonly Token[],
  grantId: string,
  isDead: boolean,
): Promise<void> {
  const grants = await store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 200 })
  const grant = grants.items.find((one) => one.grantId === grantId)
  expect(grant?.revokedAt === null).toBe(!isDead)
  expect(chain.filter(({ used }) => used === null)).toHaveLength(1)
}

async function newestGrant({ store }: AuthorizationServerUnderTest) {
  const grants = await store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 200 })
  return (grants.items.toSorted((a, b) => b.number - a.number)[0] ?? fail()).grantId
}

function forward(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000)
}

function fail(): never {
  throw new Error('the model is at odds with itself')
}

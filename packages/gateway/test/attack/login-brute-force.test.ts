import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createHashQueue, type HashQueue } from '#authorization-server/login/hash-queue.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { AdjustableClock } from '../support/adjustable-clock.ts'
import { PASSWORD, type PagesServer, SUBJECT, startPages, USERNAME } from '../support/pages-server.ts'
import { hiddenField, OWN_PAGE, type RawAnswer, RawBrowser } from '../support/raw-browser.ts'

/** An attacker guesses passwords at the login page, from one address or at one account, as fast and as parallel as it likes. */
let server: PagesServer
let clock: AdjustableClock
let hashes: number

beforeEach(async () => {
  clock = new AdjustableClock()
  hashes = 0
  const queue = createHashQueue({ runningMax: 2, waitingMax: 200 })
  const counting: HashQueue = {
    run: (work) =>
      queue.run(() => {
        hashes += 1
        return work()
      }),
  }
  server = await startPages({ clock, hashQueue: counting })
})

afterEach(() => server.close())

describe('guessing at one account', () => {
  test('forty attempts at once get ten tries, and no more passwords are even hashed', async () => {
    const attempt = await attacker()
    const answers = await Promise.all(range(40).map((index) => attempt(USERNAME, `guess number ${index}`)))
    expect(count(answers, 403)).toBe(10)
    expect(count(answers, 429)).toBe(30)
    expect(hashes).toBe(10)
    expect(server.interactions.outcomes).toEqual([])
    expect(server.events).toHaveLength(40)
    expect(server.events.filter(({ reason }) => reason === 'wrongPassword')).toHaveLength(10)
    expect(server.events.filter(({ reason }) => reason === 'accountThrottled')).toHaveLength(30)
  })

  test('then even the right password must wait, the page says how long, and waiting that long is enough', async () => {
    const attempt = await attacker()
    await Promise.all(range(10).map(() => attempt(USERNAME, 'wrong')))
    const refused = await attempt(USERNAME, PASSWORD)
    expect(refused.status).toBe(429)
    expect(refused.text).toContain('Too many attempts. Try again in 2 minutes.')
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(0)
    expect(wait).toBeLessThanOrEqual(90)
    expect(hashes).toBe(10)
    clock.forward(wait)
    const allowed = await attempt(USERNAME, PASSWORD)
    expect(allowed.status).toBe(303)
    expect(server.interactions.outcomes).toHaveLength(1)
    expect(server.events.at(-1)).toMatchObject({ activity: 'login', outcome: 'success', subject: SUBJECT })
  })

  test('other spellings of the name share the limit, and so does another browser', async () => {
    const spellings = [USERNAME, USERNAME.toUpperCase(), ` ${USERNAME} `, `${USERNAME}\t`]
    const attackers = await Promise.all(range(4).map(() => attacker()))
    const answers = await Promise.all(
      range(24).map(async (index) => attackers[index % 4]?.(spellings[index % spellings.length] ?? '', 'wrong')),
    )
    expect(count(answers, 403)).toBe(10)
    expect(hashes).toBe(10)
  })

  test('a name nobody has is answered, throttled and worked at exactly like a real one', async () => {
    const known = await attacker()
    const knownAnswers = await inTurn(12, () => known(USERNAME, 'wrong'))
    const knownHashes = hashes
    hashes = 0
    const unknown = await attacker()
    const unknownAnswers = await inTurn(12, () => unknown('nobody', 'wrong'))
    expect(unknownAnswers.map(({ status }) => status)).toEqual(knownAnswers.map(({ status }) => status))
    expect(unknownAnswers.map(plain)).toEqual(
      knownAnswers.map((answer) => plain(answer).replaceAll(USERNAME, 'nobody')),
    )
    expect(hashes).toBe(knownHashes)
  })

  test('a disabled account is refused with the same words, though the password is right', async () => {
    const attempt = await attacker()
    const wrong = await attempt(USERNAME, 'wrong')
    await server.store.accounts.setStatus(DEFAULT_TENANT, SUBJECT, 'disabled', clock.nowSeconds(), [])
    const disabled = await attempt(USERNAME, PASSWORD)
    expect(disabled.status).toBe(403)
    expect(plain(disabled)).toBe(plain(wrong))
    expect(server.events.at(-1)).toMatchObject({ outcome: 'refused', reason: 'accountDisabled' })
    expect(server.interactions.outcomes).toEqual([])
  })
})

describe('guessing from one address', () => {
  test('ninety names at once get fifty tries', async () => {
    const attempt = await attacker()
    const answers = await Promise.all(range(90).map((index) => attempt(`user-${index}`, 'Winter2026!Winter')))
    expect(count(answers, 403)).toBe(50)
    expect(count(answers, 429)).toBe(40)
    expect(hashes).toBe(50)
  })

  test('signing in to an account of its own gives the attacker no further tries', async () => {
    const attempt = await attacker()
    await Promise.all(range(45).map((index) => attempt(`user-${index}`, 'wrong')))
    expect((await attempt(USERNAME, PASSWORD)).status).toBe(303)
    const again = await attacker()
    const answers = await Promise.all(range(20).map((index) => again(`other-${index}`, 'wrong')))
    expect(count(answers, 403)).toBe(4)
    expect(count(answers, 429)).toBe(16)
  })
})

test('a full queue answers 503 with Retry-After, and starts no further hash', async () => {
  await server.close()
  let release: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  let started = 0
  const queue = createHashQueue({ runningMax: 1, waitingMax: 1 })
  server = await startPages({
    clock,
    hashQueue: {
      run: (work) =>
        queue.run(async () => {
          started += 1
          await gate
          return work()
        }),
    },
  })
  const attempt = await attacker()
  const held = [attempt('one', 'wrong'), attempt('two', 'wrong')]
  const refused = await untilBusy(attempt)
  expect(refused.headers.get('retry-after')).toBe('5')
  expect(refused.text).toContain('Too many people are signing in')
  expect(started).toBe(1)
  release()
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([403, 403])
})

test('when the attempt cannot be recorded, nobody is signed in', async () => {
  await server.close()
  server = await startPages({ clock })
  const attempt = await attacker()
  await server.store.close()
  const answer = await attempt(USERNAME, PASSWORD)
  expect(answer.status).toBe(503)
  expect(answer.text).toContain('Reference for the operator')
  expect(server.interactions.outcomes).toEqual([])
  expect(server.failures).toHaveLength(1)
})

/** A browser at the login page of an authorization of its own. */
async function attacker(): Promise<(username: string, password: string) => Promise<RawAnswer>> {
  const browser = new RawBrowser()
  const uid = server.interactions.start({ redirectUri: server.redirectUri })
  const page = await browser.open(`${server.url}/begin/${uid}`)
  const token = hiddenField(page, 'form_token')
  return (username, password) =>
    browser.post(
      `${server.url}/login/${uid}`,
      [
        ['form_token', token],
        ['username', username],
        ['password', password],
      ],
      OWN_PAGE,
    )
}

/** The two held attempts may arrive in any order with this one; the third to arrive is the one refused. */
async function untilBusy(attempt: (username: string, password: string) => Promise<RawAnswer>): Promise<RawAnswer> {
  for (;;) {
    const answer = await Promise.race([
      attempt('three', 'wrong'),
      new Promise<null>((resolve) => setTimeout(resolve, 200, null)),
    ])
    if (answer?.status === 503) return answer
  }
}

/** The page without what differs from one answer to the next. */
function plain(answer: RawAnswer): string {
  return answer.text.replace(/value="[\w-]{60,}"/, 'value="token"').replace(/uid-\d+/g, 'uid')
}

function count(answers: readonly (RawAnswer | undefined)[], status: number): number {
  return answers.filter((answer) => answer?.status === status).length
}

async function inTurn(times: number, work: () => Promise<RawAnswer>): Promise<RawAnswer[]> {
  const answers: RawAnswer[] = []
  for (let done = 0; done < times; done += 1) answers.push(await work())
  return answers
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index)
}

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import type { Store } from '#store/ports/store.ts'
import { openTestStore } from '../../test/support/store.ts'
import { fakeClock } from '../../test/support/tokens.ts'
import { type RotationPolicy, rotateSigningKeys } from './rotate-signing-keys.ts'
import { createSealer } from './sealer.ts'
import { type KeyAudit, loadSigningKeys } from './signing-keys.ts'

const DAY = 24 * 3600
const POLICY: RotationPolicy = {
  algorithms: new Set(['ES256'] as const),
  rotateSeconds: 30 * DAY,
  publishAheadSeconds: 900,
}
const sealer = createSealer(new Uint8Array(32), systemRandom)

let opened: { store: Store; close(): Promise<void> }
let clock: ReturnType<typeof fakeClock>
let told: string[]
const audit: KeyAudit = {
  entry: (event) => {
    told.push(event.reason)
    const body = JSON.stringify(event)
    return { id: `e${told.length}`, tenant: event.tenant, timeMs: 0, requestId: null, body, personal: null }
  },
}

beforeEach(async () => {
  opened = await openTestStore()
  clock = fakeClock()
  told = []
})
afterEach(() => opened.close())

const load = () => loadSigningKeys(opened.store.signingKeys, sealer, DEFAULT_TENANT, clock, systemRandom, audit)
const rotate = (policy = POLICY) =>
  rotateSigningKeys({ port: opened.store.signingKeys, sealer, tenant: DEFAULT_TENANT, clock, audit }, policy)
const wait = (seconds: number) => clock.advanceMs(seconds * 1000)
const keysNow = () => opened.store.signingKeys.list(DEFAULT_TENANT, 'accessToken')
const states = async () => (await keysNow()).map(({ status }) => status).sort()
const kidOf = async (status: string) => (await keysNow()).find((key) => key.status === status)?.kid

describe('keys that are renewed', () => {
  it('a next key is published at once, signs after its month, and the one before goes when its last token has expired', async () => {
    const keys = await load()
    const first = keys.active.kid
    await rotate()
    expect(await states()).toEqual(['active', 'next'])
    const second = await kidOf('next')
    wait(30 * DAY - 1)
    await rotate()
    expect(await kidOf('active')).toBe(first)
    wait(1)
    await rotate()
    expect([await kidOf('active'), await kidOf('retiring')]).toEqual([second, first])
    expect(await states()).toEqual(['active', 'next', 'retiring'])
    await keys.reload()
    expect(keys.active.kid).toBe(second)
    expect(keys.publicJwks.map(({ kid }) => kid)).toContain(first)
    // The longest access token lives half an hour.
    wait(30 * 60 + 119)
    await rotate()
    expect(await kidOf('retiring')).toBe(first)
    wait(1)
    await rotate()
    expect(await states()).toEqual(['active', 'next'])
  })

  it('one that somebody asks for signs when it has been published for long enough, and not before', async () => {
    await load()
    await rotate()
    const next = (await kidOf('next')) ?? ''
    await opened.store.signingKeys.makeDue(DEFAULT_TENANT, next, clock.nowSeconds(), [])
    wait(899)
    await rotate()
    expect(await kidOf('next')).toBe(next)
    wait(1)
    await rotate()
    expect(await kidOf('active')).toBe(next)
  })

  it('a schedule that is over while nobody ran still publishes first', async () => {
    await load()
    wait(90 * DAY)
    await rotate()
    expect(await states()).toEqual(['active', 'next'])
    wait(900)
    await rotate()
    expect(await states()).toEqual(['active', 'next', 'retiring'])
  })

  it('eight replicas at once do each step once', async () => {
    await load()
    await Promise.all(Array.from({ length: 8 }, () => rotate()))
    expect(await states()).toEqual(['active', 'next'])
    wait(30 * DAY)
    await Promise.all(Array.from({ length: 8 }, () => rotate()))
    expect(await states()).toEqual(['active', 'next', 'retiring'])
  })

  it.each(['RS256', 'EdDSA'] as const)(
    '%s keys are made where they are wanted, and renewed only as long as they are',
    async (algorithm) => {
      const keys = await load()
      await keys.ensure(['ES256', algorithm])
      expect(new Set(keys.signers.map(({ alg }) => alg))).toEqual(new Set(['ES256', algorithm]))
      const policy = { ...POLICY, algorithms: new Set(['ES256', algorithm] as const) }
      await rotate(policy)
      expect(await states()).toEqual(['active', 'active', 'next', 'next'])
      await keys.reload()
      expect(new Set(keys.publicJwks.map(({ alg }) => alg))).toEqual(new Set(['ES256', algorithm]))
      expect(keys.publicJwks.some((jwk) => 'd' in jwk)).toBe(false)
    },
  )
})

describe('the keys of this process', () => {
  it('have another version exactly when they changed', async () => {
    const keys = await load()
    const before = keys.version
    await keys.reload()
    expect(keys.version).toBe(before)
    await rotate()
    await keys.reload()
    expect(keys.version).toBe(before + 1)
  })

  it('are looked for again at most once a second when somebody shows another', async () => {
    const keys = await load()
    await keys.lookAgain()
    await rotate()
    await keys.lookAgain()
    expect(keys.publicJwks).toHaveLength(1)
    wait(1)
    await keys.lookAgain()
    expect(keys.publicJwks).toHaveLength(2)
  })
})

import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createAuditTrail } from '#audit/create-trail.ts'
import { type Clock, systemClock } from '#core/clock.ts'
import { asClientId, DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { createSealer } from '#keys/sealer.ts'
import { testSnapshot } from '../../test/support/snapshot.ts'
import { openTestStore } from '../../test/support/store.ts'
import { startHousekeeping } from './housekeeping.ts'

const DAY_SECONDS = 24 * 3600
const NOW = 1_800_000_000

const snapshots = { current: () => testSnapshot() }

let opened: Awaited<ReturnType<typeof openTestStore>>

beforeEach(async () => {
  opened = await openTestStore()
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(async () => {
  vi.useRealTimers()
  await opened.close()
})

async function register(clientId: string, createdAt: number): Promise<void> {
  const shape = { tenant: DEFAULT_TENANT, kind: 'dynamic', status: 'pending', metadata: '{}' } as const
  const client = { ...shape, clientId: asClientId(clientId), sealedSecret: null, createdAt }
  await opened.store.clients.register({ ...client, approvedAt: null, approvedBy: null }, 10, [])
}

it('clients that nobody approved for a week are forgotten, on record', async () => {
  const { store } = opened
  await register('old-1', NOW - 7 * DAY_SECONDS - 1)
  await register('old-2', NOW - 30 * DAY_SECONDS)
  await register('young', NOW - 7 * DAY_SECONDS)
  const clock: Clock = { ...systemClock, nowSeconds: () => NOW, nowMs: () => NOW * 1000 }
  const sealer = createSealer(new Uint8Array(32), systemRandom)
  const audit = createAuditTrail({ port: store.audit, sealer, clock, random: systemRandom })
  const failed: unknown[] = []
  const log = { debug: () => {}, info: () => {}, warn: (...args: unknown[]) => void failed.push(args), error: () => {} }
  const stop = startHousekeeping({ store, tenant: DEFAULT_TENANT, snapshots, audit, clock, log })
  vi.advanceTimersByTime(30_000)
  await vi.waitFor(async () => expect(await store.audit.latest(DEFAULT_TENANT, 10)).toHaveLength(1))
  // Nothing more to forget: nothing more to say.
  vi.advanceTimersByTime(30_000)
  const { items } = await store.clients.list(DEFAULT_TENANT, {}, { limit: 10, cursor: null })
  expect(items.map(({ clientId }) => clientId)).toEqual(['young'])
  const [record, ...more] = await store.audit.latest(DEFAULT_TENANT, 10)
  expect(more).toEqual([])
  expect(JSON.parse(record?.body ?? '')).toMatchObject({
    activity_name: 'client.remove',
    status_code: 'pendingTooLong',
    unmapped: { detail: { count: 2 } },
  })
  expect(failed).toEqual([])
  stop()
})

it('clients that nobody used for ninety days are forgotten, each on record; with 0 days none ever is', async () => {
  const { store } = opened
  const active = async (clientId: string, createdAt: number) => {
    const shape = { tenant: DEFAULT_TENANT, kind: 'dynamic', status: 'active', metadata: '{}' } as const
    const client = { ...shape, clientId: asClientId(clientId), sealedSecret: null, createdAt }
    await store.clients.register({ ...client, approvedAt: null, approvedBy: null }, 10, [])
  }
  await active('old', NOW - 90 * DAY_SECONDS - 1)
  await active('young', NOW - 90 * DAY_SECONDS)
  const clock: Clock = { ...systemClock, nowSeconds: () => NOW, nowMs: () => NOW * 1000 }
  const sealer = createSealer(new Uint8Array(32), systemRandom)
  const audit = createAuditTrail({ port: store.audit, sealer, clock, random: systemRandom })
  const failed: unknown[] = []
  const log = { debug: () => {}, info: () => {}, warn: (...args: unknown[]) => void failed.push(args), error: () => {} }
  let unusedDays = 0
  const source = {
    current: () => {
      const snapshot = testSnapshot()
      return { ...snapshot, registration: { ...snapshot.registration, unusedDays } }
    },
  }
  const stop = startHousekeeping({ store, tenant: DEFAULT_TENANT, snapshots: source, audit, clock, log })
  vi.advanceTimersByTime(30_000)
  await store.limits.collectIdle(0, 1)
  expect((await store.clients.find(DEFAULT_TENANT, asClientId('old')))?.status).toBe('active')
  unusedDays = 90
  vi.advanceTimersByTime(30_000)
  await vi.waitFor(async () => expect(await store.audit.latest(DEFAULT_TENANT, 10)).toHaveLength(1), 10_000)
  expect(await store.clients.find(DEFAULT_TENANT, asClientId('old'))).toMatchObject({
    status: 'removed',
    removedCause: 'unused',
  })
  expect((await store.clients.find(DEFAULT_TENANT, asClientId('young')))?.status).toBe('active')
  const [record] = await store.audit.latest(DEFAULT_TENANT, 10)
  expect(JSON.parse(record?.body ?? '')).toMatchObject({
    activity_name: 'client.remove',
    status_code: 'unusedTooLong',
    unmapped: { detail: { target: 'old' } },
  })
  expect(failed).toEqual([])
  stop()
})

it('used proofs are forgotten once their age refuses them, however many there are', async () => {
  const { store } = opened
  const { usedProofs } = store
  for (let count = 0; count < 2_500; count += 1) await usedProofs.use(DEFAULT_TENANT, `old ${count}`, NOW - 1)
  await usedProofs.use(DEFAULT_TENANT, 'young', NOW)
  const clock: Clock = { ...systemClock, nowSeconds: () => NOW, nowMs: () => NOW * 1000 }
  const sealer = createSealer(new Uint8Array(32), systemRandom)
  const audit = createAuditTrail({ port: store.audit, sealer, clock, random: systemRandom })
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const stop = startHousekeeping({ store, tenant: DEFAULT_TENANT, snapshots, audit, clock, log })
  vi.advanceTimersByTime(30_000)
  await vi.waitFor(async () => expect(await usedProofs.use(DEFAULT_TENANT, 'old 2499', NOW - 1)).toBe('fresh'))
  expect(await usedProofs.use(DEFAULT_TENANT, 'young', NOW)).toBe('used')
  stop()
})

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { openSealer, type Sealer } from '#keys/sealer.ts'
import { StoreUnavailable, WriterEnded } from '#store/errors.ts'
import type { Store } from '#store/ports/store.ts'
import { openTestStore } from '../../test/support/store.ts'
import { createAuditTrail, type OwnedAuditTrail } from './create-trail.ts'
import { NO_REPLICA, settleReplica } from './settle-interrupted-calls.ts'
import type { AuditEvent } from './trail.ts'

let folder: string
let store: Store
let closeStore: () => Promise<void>
let sealer: Sealer
const trails: OwnedAuditTrail[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'settle-replica-'))
  const opened = await openTestStore()
  store = opened.store
  closeStore = opened.close
  sealer = await openSealer(join(folder, 'key'))
})
afterEach(async () => {
  await Promise.all(trails.splice(0).map((trail) => trail.close()))
  await closeStore()
  await rm(folder, { recursive: true })
})

/** A gateway that writes under this id, until it is told another. */
async function replica(id: string, port = store.audit) {
  let current = id
  await store.replicas.join(DEFAULT_TENANT, id, 0)
  const dependencies = { port, sealer, clock: systemClock, random: systemRandom }
  const trail = createAuditTrail({ ...dependencies, writer: { current: () => current } })
  trails.push(trail)
  const record = (activity: AuditEvent['activity'], callId: string, outcome: AuditEvent['outcome'] = 'success') =>
    trail.record({ tenant: DEFAULT_TENANT, activity, outcome, requestId: null, callId })
  return {
    trail,
    begin: (callId: string) => record('call.intent', callId, 'unknown'),
    end: (callId: string) => record('call.outcome', callId),
    joinAs: async (next: string) => {
      await store.replicas.join(DEFAULT_TENANT, next, 0)
      current = next
    },
  }
}

async function settle(id: string): Promise<number | null> {
  await store.replicas.end(DEFAULT_TENANT, id)
  while ((await store.audit.sequence(DEFAULT_TENANT, 1_000)).length > 0);
  const size = await store.audit.size(DEFAULT_TENANT)
  const found = (await store.replicas.list(DEFAULT_TENANT)).find((one) => one.id === id)
  if (found === undefined) return null
  const trail = createAuditTrail({ port: store.audit, sealer, clock: systemClock, random: systemRandom })
  const { signal } = new AbortController()
  const { audit: port, replicas } = store
  return settleReplica({ port, replicas, trail, tenant: DEFAULT_TENANT, size, signal, replica: found })
}

/** Outcomes by call. */
async function outcomes(): Promise<Record<string, string[]>> {
  const byCall: Record<string, string[]> = {}
  for (const { body } of await store.audit.latest(DEFAULT_TENANT, 1_000)) {
    const record = JSON.parse(body) as { activity_name: string; status: string; unmapped: { call_id?: string } }
    if (record.activity_name !== 'call.outcome') continue
    const call = record.unmapped.call_id ?? ''
    byCall[call] = [...(byCall[call] ?? []), record.status]
  }
  return byCall
}

it('the calls of one that ended are settled once, and nobody else’s are touched', async () => {
  const [one, two] = [await replica('one'), await replica('two')]
  for (const call of ['a', 'b']) await one.begin(call)
  for (const call of ['c', 'd']) await two.begin(call)
  await one.end('a')
  expect(await settle('one')).toBe(1)
  expect(await settle('one')).toBeNull()
  await two.end('c')
  expect(await outcomes()).toEqual({ a: ['success'], b: ['unknown'], c: ['success'] })
  expect(await settle('two')).toBe(1)
  expect(await outcomes()).toEqual({ a: ['success'], b: ['unknown'], c: ['success'], d: ['unknown'] })
})

it('what it still wants to say about a settled call is refused and not owed; new calls are its own again', async () => {
  const one = await replica('one')
  await one.begin('slow')
  expect(await settle('one')).toBe(1)
  await one.joinAs('one again')
  await one.begin('new')
  await expect(one.end('slow')).rejects.toThrow(WriterEnded)
  await one.end('new')
  await one.end('a read, which needs no intent')
  expect(await one.trail.settle()).toBe(true)
  expect(one.trail.isFailing()).toBe(false)
  expect(await outcomes()).toEqual({
    slow: ['unknown'],
    new: ['success'],
    'a read, which needs no intent': ['success'],
  })
  expect(await settle('one again')).toBe(0)
})

it('an outcome that is owed is forgiven once others have settled its call', async () => {
  let isAway = false
  const away = async () => {
    if (isAway) throw new StoreUnavailable('the database is away')
  }
  const port: Store['audit'] = {
    ...store.audit,
    append: (...args) => away().then(() => store.audit.append(...args)),
    appendAgain: (...args) => away().then(() => store.audit.appendAgain(...args)),
  }
  const one = await replica('one', port)
  await one.begin('slow')
  isAway = true
  await expect(one.end('slow')).rejects.toThrow('away')
  expect(await one.trail.settle()).toBe(false)
  expect(await settle('one')).toBe(1)
  isAway = false
  expect(await one.trail.settle()).toBe(true)
  expect(await outcomes()).toEqual({ slow: ['unknown'] })
})

it('until it has joined anew nothing is begun', async () => {
  const one = await replica('one')
  await store.replicas.end(DEFAULT_TENANT, 'one')
  await expect(one.begin('call')).rejects.toThrow(WriterEnded)
  expect(await settle('one')).toBe(0)
  expect(await outcomes()).toEqual({})
})

it('calls from before there were replicas are settled under no name', async () => {
  const trail = createAuditTrail({ port: store.audit, sealer, clock: systemClock, random: systemRandom })
  trails.push(trail)
  const event = { tenant: DEFAULT_TENANT, outcome: 'unknown', requestId: null, callId: 'old' } as const
  await trail.record({ ...event, activity: 'call.intent' })
  const one = await replica('one')
  await one.begin('new')
  await store.replicas.join(DEFAULT_TENANT, NO_REPLICA, 0)
  // Its first place is where the log began.
  const { audit: port, replicas } = store
  await store.replicas.end(DEFAULT_TENANT, NO_REPLICA)
  while ((await store.audit.sequence(DEFAULT_TENANT, 1_000)).length > 0);
  const settled = await settleReplica({
    port,
    replicas,
    trail,
    tenant: DEFAULT_TENANT,
    size: await port.size(DEFAULT_TENANT),
    signal: new AbortController().signal,
    replica: { id: NO_REPLICA, state: 'ended', beats: 0, fromPosition: 0 },
  })
  expect(settled).toBe(1)
  expect(await outcomes()).toEqual({ old: ['unknown'] })
})

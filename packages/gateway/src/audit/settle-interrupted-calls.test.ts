import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { asClientId, asGrantId, asRequestId, asServerId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { openSealer } from '#keys/sealer.ts'
import { StoreUnavailable } from '#store/errors.ts'
import type { Store } from '#store/ports/store.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { createAuditTrail, type OwnedAuditTrail } from './create-trail.ts'
import { settleInterruptedCalls } from './settle-interrupted-calls.ts'
import type { AuditEvent } from './trail.ts'

let folder: string
let store: Store
let trail: OwnedAuditTrail

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'settle-'))
  store = await openSqliteStore({ file: join(folder, 'store.db') })
  const sealer = await openSealer(join(folder, 'key'))
  trail = createAuditTrail({ port: store.audit, sealer, clock: systemClock, random: systemRandom })
})
afterEach(async () => {
  await trail.close()
  await store.close()
  await rm(folder, { recursive: true })
})

const event = (activity: AuditEvent['activity'], more: Partial<AuditEvent> = {}): AuditEvent => ({
  tenant: DEFAULT_TENANT,
  activity,
  outcome: 'success',
  requestId: null,
  ...more,
})
const intent = (callId: string) =>
  event('call.intent', {
    outcome: 'unknown',
    callId,
    requestId: asRequestId(`request-${callId}`),
    subject: asSubjectId('subject'),
    clientId: asClientId('client'),
    grantId: asGrantId('grant'),
    server: asServerId('files'),
    method: 'tools/call',
    tool: 'write_file',
    scopesGranted: ['files:write'],
    decision: { config: 'v1', toolClass: 'write' },
    detail: { session: 's' },
  })
const outcome = (callId: string) => event('call.outcome', { callId })

async function settle(signal = new AbortController().signal): Promise<number> {
  while ((await store.audit.sequence(DEFAULT_TENANT, 1_000)).length > 0);
  const size = await store.audit.size(DEFAULT_TENANT)
  return settleInterruptedCalls({ port: store.audit, trail, tenant: DEFAULT_TENANT, size, signal })
}

async function outcomesOf(callId: string): Promise<Record<string, unknown>[]> {
  const entries = await store.audit.latest(DEFAULT_TENANT, 10_000)
  return entries
    .map(({ body }) => JSON.parse(body) as { activity_name: string; unmapped?: { call_id?: string } })
    .filter((record) => record.activity_name === 'call.outcome' && record.unmapped?.call_id === callId)
}

it('a call without an outcome gets one: unknown, with all that the intent says', async () => {
  for (const one of [intent('a'), intent('b'), outcome('a'), outcome('read')]) await trail.record(one)
  expect(await settle()).toBe(1)
  expect(await outcomesOf('a')).toHaveLength(1)
  expect(await outcomesOf('b')).toEqual([
    {
      schema: 'sallyport.audit/1',
      class_uid: 6003,
      activity_name: 'call.outcome',
      time: expect.any(Number),
      status_id: 0,
      status: 'unknown',
      status_code: 'gatewayStopped',
      metadata: { uid: expect.any(String), tenant_uid: 'default', correlation_uid: 'request-b' },
      actor: { user: { uid: 'subject' }, app_uid: 'client' },
      api: { operation: 'tools/call', service: { name: 'files' }, request: { uid: 'request-b' } },
      unmapped: {
        call_id: 'b',
        grant_id: 'grant',
        tool: 'write_file',
        scopes_granted: ['files:write'],
        decision: { config: 'v1', toolClass: 'write' },
        detail: { session: 's' },
      },
    },
  ])
})

it('is done once, and a start that is killed while doing it leaves it to the next', async () => {
  await trail.record(intent('a'))
  await expect(settle(AbortSignal.abort())).rejects.toThrow('abort')
  expect(await outcomesOf('a')).toEqual([])
  await trail.record(event('system.start'))
  expect(await settle()).toBe(1)
  expect(await settle()).toBe(0)
  expect(await outcomesOf('a')).toHaveLength(1)
})

it('calls that this run has begun meanwhile are left alone', async () => {
  await trail.record(intent('old'))
  while ((await store.audit.sequence(DEFAULT_TENANT, 1_000)).length > 0);
  const size = await store.audit.size(DEFAULT_TENANT)
  await trail.record(intent('new'))
  await store.audit.sequence(DEFAULT_TENANT, 1_000)
  const { signal } = new AbortController()
  expect(await settleInterruptedCalls({ port: store.audit, trail, tenant: DEFAULT_TENANT, size, signal })).toBe(1)
  expect(await outcomesOf('new')).toEqual([])
  // And the next start, after a crash, finds them although the settling record is younger.
  expect(await settle()).toBe(1)
  expect(await outcomesOf('new')).toHaveLength(1)
})

it('only records since the last settling or clean stop are read, across any number of batches', async () => {
  const read: number[] = []
  const audit = store.audit
  const port = {
    append: audit.append,
    read: (...args: Parameters<typeof audit.read>) => {
      read.push(args[1])
      return audit.read(...args)
    },
  }
  const run = async () => {
    while ((await audit.sequence(DEFAULT_TENANT, 1_000)).length > 0);
    const size = await audit.size(DEFAULT_TENANT)
    read.length = 0
    const { signal } = new AbortController()
    return settleInterruptedCalls({ port, trail, tenant: DEFAULT_TENANT, size, signal })
  }
  await trail.record(intent('first'))
  await audit.append(Array.from({ length: 2_500 }, (_, i) => trail.entry(outcome(`read-${i}`))))
  expect(await run()).toBe(1)
  expect(read).toEqual([1_501, 501, 0, 0, 1_000, 2_000])
  await trail.record(intent('second'))
  expect(await run()).toBe(1)
  expect(Math.min(...read.slice(1))).toBeGreaterThan(2_400)
  await trail.record(intent('third'))
  await trail.record(event('system.stop', { outcome: 'failed', reason: 'outcomesOwed' }))
  expect(await run()).toBe(1)
  await trail.record(intent('hidden'))
  await trail.record(event('system.stop'))
  expect(await run()).toBe(0)
})

it('an outcome that could not be written is written once that works again', async () => {
  let isFull = true
  const sealer = await openSealer(join(folder, 'key'))
  const port = {
    ...store.audit,
    append: async (...args: Parameters<Store['audit']['append']>) => {
      if (isFull) throw new Error('full')
      await store.audit.append(...args)
    },
    appendAgain: async (...args: Parameters<Store['audit']['appendAgain']>) => {
      if (isFull) throw new Error('full')
      await store.audit.appendAgain(...args)
    },
  }
  const told: unknown[] = []
  const onWriting = (cause: unknown) => told.push(cause)
  const owing = createAuditTrail({ port, sealer, clock: systemClock, random: systemRandom, onWriting })
  expect(owing.isFailing()).toBe(false)
  await expect(owing.record(outcome('late'))).rejects.toThrow('full')
  await expect(owing.record(intent('never'))).rejects.toThrow('full')
  expect([owing.isFailing(), await owing.settle()]).toEqual([true, false])
  isFull = false
  expect([await owing.settle(), owing.isFailing()]).toEqual([true, false])
  expect(await outcomesOf('late')).toHaveLength(1)
  // Once each way, however many writes failed.
  expect(told).toEqual([new Error('full'), null])
  expect(await settle()).toBe(0)
  await owing.close()
})

it('an outcome whose write was answered by nobody is recorded once, whether or not it had been written', async () => {
  const sealer = await openSealer(join(folder, 'key'))
  let isLost = true
  const port = {
    ...store.audit,
    append: async (...args: Parameters<Store['audit']['append']>) => {
      await store.audit.append(...args)
      if (isLost) throw new StoreUnavailable('the connection was lost')
    },
  }
  const owing = createAuditTrail({ port, sealer, clock: systemClock, random: systemRandom })
  await expect(owing.record(outcome('answered by nobody'))).rejects.toThrow('lost')
  // Its caller is refused, so nothing was sent: the log says so, in case the intent is there.
  await expect(owing.record(intent('not sent'))).rejects.toThrow('lost')
  isLost = false
  expect(await owing.settle()).toBe(true)
  expect(await outcomesOf('answered by nobody')).toHaveLength(1)
  expect((await outcomesOf('not sent')).map(({ status, status_code: reason }) => [status, reason])).toEqual([
    ['failed', 'notSent'],
  ])
  expect(await settle()).toBe(0)
  await owing.close()
})

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import type { Store } from '#store/ports/store.ts'
import { lockKey } from '#store/postgres/lock-key.ts'
import { eventually } from '../../test/support/eventually.ts'
import { asSuperuser, settingsOf } from '../../test/support/postgres/connect.ts'
import { newPlace, openPlace, removePlace } from '../../test/support/postgres/place.ts'
import { smallEntry } from '../../test/support/store.ts'
import { createCheckpointSigner } from './checkpoint.ts'
import { exportLog } from './export-log.ts'
import { LogTampered, type Sequencer, startSequencer } from './sequencer.ts'
import { type VerificationReport, verifyLog } from './verify-log.ts'

const signer = createCheckpointSigner(Buffer.alloc(32, 3), 'default')

interface Replica {
  readonly folder: string
  readonly store: Store
  readonly sequencer: Sequencer
  readonly failures: unknown[]
}

let place: string
let replicas: Replica[]
let written: string[]

beforeEach(async () => {
  place = await newPlace()
  replicas = []
  written = []
})
afterEach(async () => {
  for (const { sequencer, store, folder } of replicas) {
    await sequencer.close()
    await store.close()
    await rm(folder, { recursive: true })
  }
  await removePlace(place)
})

/** A gateway's part in the log: a store of its own on the same schema, and a folder of its own. */
async function start(folder?: string): Promise<Replica> {
  const home = folder ?? (await mkdtemp(join(tmpdir(), 'sallyport-replica-')))
  const store = await openPlace(place, { connectionsMax: 3 })
  const failures: unknown[] = []
  try {
    const sequencer = await startSequencer({
      port: store.audit,
      leads: store.leads,
      hints: store.hints,
      tenant: DEFAULT_TENANT,
      signer,
      clock: systemClock,
      treeFile: join(home, 'leaves'),
      checkpointFile: join(home, 'checkpoints'),
      onFailure: (cause) => void failures.push(cause),
    })
    const replica = { folder: home, store, sequencer, failures }
    replicas.push(replica)
    return replica
  } catch (cause) {
    await store.close()
    throw cause
  }
}

async function write({ store }: Replica, count: number): Promise<void> {
  const ids = Array.from({ length: count }, () => `record ${written.length + Math.random()}`)
  await Promise.all(ids.map((id) => store.audit.append([{ ...smallEntry(id), body: JSON.stringify({ id }) }])))
  written.push(...ids)
}

async function verify({ store, sequencer }: Replica): Promise<VerificationReport> {
  await sequencer.settle()
  const lines = exportLog(store.audit, sequencer.tree, DEFAULT_TENANT, await sequencer.horizon())
  return verifyLog(lines, signer.verifierKey)
}

const wholeAt = (records: number) =>
  expect.objectContaining({ isWhole: true, fault: null, records, vouchedFor: records })
const leadersOf = (some: readonly Replica[]) => some.filter(({ sequencer }) => sequencer.isLeader)
const elsewhere = (statement: string) =>
  asSuperuser(place, async (client) => {
    await client.query(`set search_path to ${settingsOf(place).schema}`)
    return client.query(statement)
  })
/** Ends the server's side of the connection that holds the lead; answers how many there were. */
const cutLeader = () =>
  asSuperuser(place, async (client) => {
    const { rowCount } = await client.query(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and (classid::bigint << 32 | objid::bigint) = $1::bigint",
      [lockKey(settingsOf(place), 'lead default')],
    )
    return rowCount
  })

it('one gives places and signs; the others follow, hash for themselves, and keep every checkpoint', async () => {
  const [one, two, three] = [await start(), await start(), await start()]
  expect(leadersOf([one, two, three])).toEqual([one])
  await Promise.all([write(one, 10), write(two, 10), write(three, 10)])
  for (const replica of [two, one, three]) expect(await verify(replica)).toEqual(wholeAt(30))
  const notes = await Promise.all([one, two, three].map(({ folder }) => readFile(join(folder, 'checkpoints'), 'utf8')))
  expect(notes[1]).toBe(notes[0])
  expect(notes[2]).toBe(notes[0])
  const leaves = await Promise.all([one, two].map(({ folder }) => readFile(join(folder, 'leaves'))))
  expect(leaves[1]).toEqual(leaves[0])
  expect([one, two, three].flatMap(({ failures }) => failures)).toEqual([])
})

it('a follower can show the log while the leader goes on', async () => {
  const [one, two] = [await start(), await start()]
  await write(one, 1)
  let isDone = false
  const writing = (async () => {
    while (!isDone) await write(one, 5)
  })()
  for (let round = 0; round < 5; round += 1) expect((await verify(two)).fault).toBeNull()
  isDone = true
  await writing
  expect(await verify(two)).toEqual(wholeAt(written.length))
})

it('when the leader leaves, another leads, and the log goes on without a gap', async () => {
  const [one, two] = [await start(), await start()]
  await write(one, 5)
  await one.sequencer.close()
  await one.store.close()
  replicas.shift()
  await write(two, 5)
  expect(await verify(two)).toEqual(wholeAt(10))
  expect(two.sequencer.isLeader).toBe(true)
  // And the first comes back as a follower, on what it had.
  const again = await start(one.folder)
  await write(again, 5)
  expect(await verify(again)).toEqual(wholeAt(15))
  expect(again.sequencer.isLeader).toBe(false)
})

it('a leader whose connection is cut does nothing more under it; whoever leads next, every place is given once', async () => {
  const [one, two, three] = [await start(), await start(), await start()]
  const all = [one, two, three]
  for (let round = 0; round < 6; round += 1) {
    const writing = Promise.all(all.map((replica) => write(replica, 20)))
    // The one that was cut before may not have noticed, and nobody may have followed yet.
    await eventually(async () => expect(await cutLeader()).toBe(1))
    await writing
    await eventually(() => expect(leadersOf(all)).toHaveLength(1))
  }
  // Whoever was cut last may hear of it only now, and says so to whoever asks just then.
  for (const replica of all) await eventually(async () => expect(await verify(replica)).toEqual(wholeAt(360)))
  const placed = await one.store.audit.read(DEFAULT_TENANT, 0, 1000)
  expect(placed.map(({ position }) => position)).toEqual(Array.from({ length: 360 }, (_, i) => i))
  expect(placed.map(({ id }) => id).toSorted()).toEqual(written.toSorted())
  expect(all.flatMap(({ failures }) => failures).filter((cause) => cause instanceof LogTampered)).toEqual([])
})

it('a lead that was lost is of no use, even to a process that does not know yet', async () => {
  const store = await openPlace(place)
  const other = await openPlace(place)
  try {
    const lead = await store.leads.tryLead(DEFAULT_TENANT)
    if (lead === null) throw new Error('no lead')
    expect(await other.leads.tryLead(DEFAULT_TENANT)).toBeNull()
    await store.audit.append([smallEntry('a'), smallEntry('b')])
    expect(await lead.sequence(1)).toHaveLength(1)
    expect(await cutLeader()).toBe(1)
    const refused = lead.sequence(1)
    await expect(refused).rejects.toThrow()
    expect(lead.isHeld).toBe(false)
    await expect(lead.addCheckpoint({ tenant: DEFAULT_TENANT, size: 1, note: 'note', timeMs: 0 })).rejects.toThrow()
    expect(await store.audit.size(DEFAULT_TENANT)).toBe(1)
    const next = await other.leads.tryLead(DEFAULT_TENANT)
    expect(await next?.sequence(1)).toMatchObject([{ id: 'b', position: 1 }])
    await next?.release()
    expect((await store.leads.tryLead(DEFAULT_TENANT))?.isHeld).toBe(true)
  } finally {
    await store.close()
    await other.close()
  }
})

it('a follower that finds a record changed before it hashed it never leads, and says so once', async () => {
  const one = await start()
  await write(one, 6)
  await one.sequencer.settle()
  await elsewhere(`update audit_entries set body = '{"id":"forged"}' where position = 3`)
  await expect(start()).rejects.toThrow(LogTampered)
  await elsewhere('delete from audit_checkpoints')
  const two = await start()
  // What it hashed is the forgery, which the next checkpoint does not fit.
  await write(one, 1)
  await one.sequencer.settle()
  await eventually(() => expect(two.failures).toEqual([expect.any(LogTampered)]))
  await one.sequencer.close()
  await one.store.close()
  replicas.shift()
  await expect(two.sequencer.settle()).rejects.toThrow(LogTampered)
  expect(two.sequencer.isLeader).toBe(false)
  expect(two.failures).toHaveLength(1)
})

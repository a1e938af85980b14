import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { openSealer } from '#keys/sealer.ts'
import type { Store } from '#store/ports/store.ts'
import { openTestStore } from '../../test/support/store.ts'
import { createCheckpointSigner } from './checkpoint.ts'
import { createAuditTrail } from './create-trail.ts'
import { exportLog } from './export-log.ts'
import { LogTampered, type Sequencer, startSequencer } from './sequencer.ts'
import type { AuditEvent } from './trail.ts'
import { type ExportLine, verifyLog } from './verify-log.ts'

const signer = createCheckpointSigner(Buffer.alloc(32, 3), 'default')
const event: AuditEvent = {
  tenant: DEFAULT_TENANT,
  activity: 'login',
  outcome: 'success',
  requestId: null,
  personal: { address: '203.0.113.9' },
}

let folder: string
let opened: { store: Store; file: string; close(): Promise<void> }
let trail: ReturnType<typeof createAuditTrail>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-audit-'))
  opened = await openTestStore()
  const sealer = await openSealer(join(folder, 'seal.key'))
  trail = createAuditTrail({ port: opened.store.audit, sealer, clock: systemClock, random: systemRandom })
})

afterEach(async () => {
  await trail.close()
  await opened.close()
  await rm(folder, { recursive: true })
})

function start(): Promise<Sequencer> {
  return startSequencer({
    port: opened.store.audit,
    leads: opened.store.leads,
    hints: opened.store.hints,
    tenant: DEFAULT_TENANT,
    signer,
    clock: systemClock,
    treeFile: join(folder, 'leaves'),
    checkpointFile: join(folder, 'checkpoints'),
    onFailure: (cause) => {
      throw cause
    },
  })
}

async function exported(sequencer: Sequencer): Promise<ExportLine[]> {
  const lines: ExportLine[] = []
  for await (const line of exportLog(opened.store.audit, sequencer.tree, DEFAULT_TENANT, await sequencer.horizon()))
    lines.push(line)
  return lines
}

describe('the audit log', () => {
  it('gives every record a place, signs it, and verifies with the verifier key alone', async () => {
    const sequencer = await start()
    for (let count = 0; count < 20; count += 1) await trail.record(event)
    await sequencer.settle()
    for (let count = 0; count < 5; count += 1) await trail.record(event)
    await sequencer.settle()
    const lines = await exported(sequencer)
    expect(await verifyLog(lines, signer.verifierKey)).toEqual({
      isWhole: true,
      records: 25,
      checkpoints: 2,
      vouchedFor: 25,
      fault: null,
    })
    expect((await readFile(join(folder, 'checkpoints'), 'utf8')).match(/^— /gm)).toHaveLength(2)
    await sequencer.close()
  })

  it('keeps names and addresses out of the leaves', async () => {
    const sequencer = await start()
    await trail.record(event)
    await sequencer.settle()
    const text = JSON.stringify(await exported(sequencer))
    expect(text).not.toContain('203.0.113.9')
    expect(text).toContain('personal_commitment')
    await sequencer.close()
  })

  it('names the first record that was changed, dropped, swapped or invented in an export', async () => {
    const sequencer = await start()
    for (let count = 0; count < 8; count += 1) await trail.record(event)
    await sequencer.settle()
    const lines = await exported(sequencer)
    const record = (index: number) => lines[index] as Extract<ExportLine, { type: 'record' }>
    const changed = lines.with(3, { ...record(3), body: record(3).body.replace('success', 'refused') })
    expect((await verifyLog(changed, signer.verifierKey)).fault).toBe('record 3 was changed after it was logged')
    expect((await verifyLog(lines.toSpliced(5, 1), signer.verifierKey)).fault).toBe(
      'record 5 is missing; the next one is 6',
    )
    const swapped = lines.with(2, { ...record(4), position: 2 }).with(4, { ...record(2), position: 4 })
    expect((await verifyLog(swapped, signer.verifierKey)).fault).toBe('the tree was rewritten between records 0 and 7')
    expect((await verifyLog(lines.slice(0, 7).concat(lines.slice(8)), signer.verifierKey)).fault).toContain(
      '8 records were signed, 7 are here',
    )
    await sequencer.close()
  })

  it('finds any byte of an export that was changed, and an export that nothing vouches for', async () => {
    const sequencer = await start()
    for (let count = 0; count < 2; count += 1) await trail.record(event)
    await sequencer.settle()
    const lines = await exported(sequencer)
    await sequencer.close()
    const text = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    expect(await isWhole(text)).toBe(true)
    const missed: string[] = []
    for (let at = 0; at < text.length - 1; at += 1) {
      for (const bit of [0x01, 0x02, 0x20, 0x80]) {
        const changed = Buffer.from(text)
        changed[at] = (changed[at] ?? 0) ^ bit
        if (await isWhole(changed)) missed.push(`byte ${at}, bit ${bit}`)
      }
    }
    expect(missed).toEqual([])
    expect((await verifyLog([], signer.verifierKey)).isWhole).toBe(false)
    const unsigned = lines.filter(({ type }) => type === 'record')
    expect((await verifyLog(unsigned, signer.verifierKey)).fault).toContain('nobody vouches')
  })

  it('finds a record that was changed in the store, even after a restart', async () => {
    const first = await start()
    for (let count = 0; count < 6; count += 1) await trail.record(event)
    await first.settle()
    await first.close()
    tamper("update audit_entries set body = replace(body, 'success', 'refused') where position = 4")
    const second = await start()
    expect((await verifyLog(await exported(second), signer.verifierKey)).fault).toBe(
      'record 4 was changed after it was logged',
    )
    await second.close()
  })

  it('does not sign over a log that lost records', async () => {
    const first = await start()
    for (let count = 0; count < 6; count += 1) await trail.record(event)
    await first.settle()
    await first.close()
    tamper('delete from audit_entries where position = 5')
    await expect(start()).rejects.toThrow(LogTampered)
  })

  it('does not sign over records that were rolled back together with their checkpoints and their tree', async () => {
    const first = await start()
    for (let count = 0; count < 6; count += 1) await trail.record(event)
    await first.settle()
    await first.close()
    tamper('delete from audit_entries where position >= 3; delete from audit_checkpoints')
    await truncate(join(folder, 'leaves'), 3 * 32)
    await expect(start()).rejects.toThrow('6 records were signed but 3 are left')
  })

  it('does not sign over a record changed together with the tree, though later records were never signed', async () => {
    const first = await start()
    for (let count = 0; count < 6; count += 1) await trail.record(event)
    await first.settle()
    await first.close()
    await trail.record(event)
    await opened.store.audit.sequence(DEFAULT_TENANT, 10)
    tamper("update audit_entries set body = replace(body, 'success', 'refused') where position = 2")
    await truncate(join(folder, 'leaves'), 0)
    await expect(start()).rejects.toThrow('another root')
  })

  it('finds what was rolled back while it runs, by the checkpoint in the second place', async () => {
    const sequencer = await start()
    for (let count = 0; count < 6; count += 1) await trail.record(event)
    await sequencer.settle()
    tamper('delete from audit_entries where position >= 4; delete from audit_checkpoints')
    expect((await verifyLog(await exported(sequencer), signer.verifierKey)).fault).toContain(
      '6 records were signed, 4 are here',
    )
    await sequencer.close()
  })

  it('finds a second place whose newest note is of another log, and passes over a torn one', async () => {
    const sequencer = await start()
    await trail.record(event)
    await sequencer.settle()
    const file = join(folder, 'checkpoints')
    const whole = await readFile(file, 'utf8')
    await appendFile(file, 'sallyport/log/torn\n7\nAAAA')
    expect((await verifyLog(await exported(sequencer), signer.verifierKey)).fault).toBeNull()
    const other = createCheckpointSigner(Buffer.alloc(32, 4), 'default')
    await writeFile(file, `${whole}${other.sign(1, Buffer.alloc(32))}\n`)
    expect((await verifyLog(await exported(sequencer), signer.verifierKey)).fault).toContain('of another log')
    await sequencer.close()
    await expect(start()).rejects.toThrow(LogTampered)
  })

  it.each([20, 60, 120, 190])('goes on after a crash that left %i characters of a note', async (length) => {
    const first = await start()
    await trail.record(event)
    await first.settle()
    await appendFile(join(folder, 'checkpoints'), signer.sign(7, Buffer.alloc(32)).slice(0, length))
    await first.close()
    const second = await start()
    await trail.record(event)
    await second.settle()
    expect((await second.horizon()).witness?.size).toBe(2)
    expect(await verifyLog(await exported(second), signer.verifierKey)).toMatchObject({ isWhole: true, checkpoints: 2 })
    await second.close()
  })

  it('goes on after a crash that left half a leaf', async () => {
    const first = await start()
    await trail.record(event)
    await first.settle()
    await first.close()
    await appendFile(join(folder, 'leaves'), Buffer.alloc(10, 9))
    const second = await start()
    await trail.record(event)
    await second.settle()
    expect(await verifyLog(await exported(second), signer.verifierKey)).toMatchObject({ isWhole: true, records: 2 })
    await second.close()
  })

  it('writes a flood of identical refusals as one record and a count', async () => {
    const sequencer = await start()
    const refusal: AuditEvent = {
      tenant: DEFAULT_TENANT,
      activity: 'authenticate',
      outcome: 'refused',
      reason: 'tokenMissing',
      requestId: null,
    }
    await Promise.all(Array.from({ length: 500 }, () => trail.refusedUnauthenticated(refusal, '203.0.113.9')))
    await trail.close()
    await sequencer.settle()
    const records = (await exported(sequencer)).filter((line) => line.type === 'record')
    expect(records).toHaveLength(2)
    expect(JSON.parse(records[1]?.body ?? '')).toMatchObject({ unmapped: { coalesced: { count: 499 } } })
    await sequencer.close()
  })
})

/** As somebody reads it who has nothing but the lines of an export. */
async function isWhole(text: Buffer): Promise<boolean> {
  try {
    const lines = text
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as ExportLine)
    const areLines = lines.every(
      (line) =>
        (line.type === 'checkpoint' && typeof line.note === 'string') ||
        (line.type === 'record' && typeof line.body === 'string'),
    )
    return areLines && (await verifyLog(lines, signer.verifierKey)).isWhole
  } catch {
    return false
  }
}

function tamper(sql: string): void {
  const database = new DatabaseSync(opened.file)
  database.exec(sql)
  database.close()
}

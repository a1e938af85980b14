import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openLogOperations } from '#control-plane/admin-api/open-log-operations.ts'
import { systemClock } from '#core/clock.ts'
import { asRequestId, DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { createSealer } from '#keys/sealer.ts'
import { openTestStore } from '../../test/support/store.ts'
import { createCheckpointSigner } from './checkpoint.ts'
import { createAuditTrail } from './create-trail.ts'
import { startSequencer } from './sequencer.ts'

const signer = createCheckpointSigner(Buffer.alloc(32, 3), 'default')
const sealer = createSealer(Buffer.alloc(32, 5), systemRandom)

let folder: string
let opened: Awaited<ReturnType<typeof openTestStore>>
let sequencer: Awaited<ReturnType<typeof startSequencer>>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-verify-'))
  opened = await openTestStore()
  const port = opened.store.audit
  const trail = createAuditTrail({ port, sealer, clock: systemClock, random: systemRandom })
  for (const address of ['203.0.113.1', '203.0.113.2', null, '203.0.113.4']) {
    await trail.record({
      tenant: DEFAULT_TENANT,
      activity: 'login',
      outcome: 'success',
      requestId: address === '203.0.113.4' ? null : asRequestId(`request of ${address}`),
      ...(address === null ? {} : { personal: { address } }),
    })
  }
  sequencer = await startSequencer({
    port,
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
  await sequencer.settle()
})

afterEach(async () => {
  await sequencer.close()
  await opened.close()
  await rm(folder, { recursive: true })
})

const verify = () =>
  openLogOperations({ port: opened.store.audit, tenant: DEFAULT_TENANT, sequencer, signer, sealer }).verify()

function tamper(sql: string): void {
  const database = new DatabaseSync(opened.file)
  database.exec(sql)
  database.close()
}

const idAt = (position: number) => `(select id from audit_entries where position = ${position})`

it('a log whose columns and personal sides fit is whole, also when a personal side was erased', async () => {
  expect(await verify()).toMatchObject({ isWhole: true, fault: null, records: 4 })
  tamper(`delete from audit_personal where id = ${idAt(1)}`)
  expect(await verify()).toMatchObject({ isWhole: true, fault: null })
})

it.each([
  ['time', 'update audit_entries set time_ms = time_ms + 1 where position = 1'],
  ['request', "update audit_entries set request_id = 'another' where position = 1"],
  ['missing request', 'update audit_entries set request_id = null where position = 1'],
  ['id', `delete from audit_personal where id = ${idAt(1)}; update audit_entries set id = 'x' where position = 1`],
])('a record filed under another %s is named', async (_what, sql) => {
  tamper(sql)
  expect((await verify()).fault).toMatch(/^record 1 is filed under another/)
})

it.each([
  ['changed', `update audit_personal set sealed = zeroblob(80) where id = ${idAt(1)}`],
  [
    'taken from another record',
    `update audit_personal set sealed = (select sealed from audit_personal where id = ${idAt(0)}) where id = ${idAt(1)}`,
  ],
])('a personal side that was %s is named', async (_what, sql) => {
  tamper(sql)
  expect(await verify()).toMatchObject({
    isWhole: false,
    fault: 'record 1 has another personal side than the one it was logged with',
  })
})

it('a personal side that is sealed well but was never committed to is named', async () => {
  const { id } = (await opened.store.audit.read(DEFAULT_TENANT, 2, 1))[0] ?? { id: '' }
  const sealed = Buffer.from(sealer.seal(Buffer.from('{}'), `audit|default|${id}`)).toString('hex')
  tamper(`insert into audit_personal (tenant, id, sealed) values ('default', '${id}', x'${sealed}')`)
  expect((await verify()).fault).toMatch(/^record 2 has another personal side/)
})

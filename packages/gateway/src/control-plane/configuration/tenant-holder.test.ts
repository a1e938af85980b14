import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuditTrail } from '#audit/trail.ts'
import { asTenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import { openSnapshotHolder, type SnapshotHolder } from './holder.ts'
import { openTenantSnapshots } from './tenant-holder.ts'

const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const ACME = asTenantId('acme')

/** A log that notes whose it is, and can be full. */
function trail(tenant: string, written: string[]): AuditTrail & { isFull: boolean } {
  return {
    isFull: false,
    entry: () => {
      throw new Error('not used')
    },
    async record(event) {
      if (this.isFull) throw new Error('disk full')
      written.push(`${tenant}: ${event.tenant} ${event.activity}`)
    },
    refusedUnauthenticated: async () => undefined,
  }
}

let folder: string
let written: string[]
let acmesLog: ReturnType<typeof trail>
let whole: SnapshotHolder
let acme: SnapshotHolder
const write = (name: string, servers: string) =>
  writeFileSync(
    join(folder, `${name}.yaml`),
    `version: 1\nservers: { ${servers}: { stdio: { command: node } } }\n${name === 'sallyport' ? 'tenants: { acme: { file: acme.yaml }, beta: { file: beta.yaml } }\n' : ''}`,
  )
beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-tenant-holder-')))
  for (const name of ['sallyport', 'acme', 'beta']) write(name, name)
  written = []
  acmesLog = trail('acme', written)
  const file = join(folder, 'sallyport.yaml')
  const opened = await openSnapshotHolder({
    file,
    env: {},
    stateDir: folder,
    audit: trail('gateway', written),
    log,
    pollMs: 3_600_000,
  })
  if (!opened.ok) throw new Error('refused')
  whole = opened.value
  const first = whole.loaded().tenants.get(ACME)
  if (first === undefined) throw new Error('no tenant')
  acme = await openTenantSnapshots({ whole, tenant: ACME, first, audit: acmesLog, log })
})
afterEach(() => {
  acme.close()
  whole.close()
  rmSync(folder, { recursive: true })
})

describe('a tenant’s part of the configuration', () => {
  it('is its own alone, and changes with the whole, recorded in its log first', async () => {
    expect([...acme.current().servers.keys()]).toEqual(['acme'])
    const seen: string[][] = []
    acme.onSwap((snapshot) => void seen.push([...snapshot.servers.keys()]))
    write('acme', 'other')
    expect(await acme.reload()).toBe('applied')
    expect(seen).toEqual([['other']])
    expect(written.slice(2)).toEqual(['acme: acme config.applied', 'gateway: default config.applied'])
    expect(acme.current().number).toBe(2)
  })

  it('does not hold where its log cannot be written, and then nothing of the change does, for nobody', async () => {
    acmesLog.isFull = true
    write('acme', 'other')
    write('sallyport', 'third')
    expect(await whole.reload()).toBe('rejected')
    expect([...acme.current().servers.keys()]).toEqual(['acme'])
    expect([...whole.current().servers.keys()]).toEqual(['sallyport'])
    acmesLog.isFull = false
    expect(await whole.reload()).toBe('applied')
    expect([...acme.current().servers.keys()]).toEqual(['other'])
  })

  it('tells what is wrong with its own file, and not with another’s', async () => {
    write('beta', 'NOT-A-NAME')
    expect(await whole.reload()).toBe('rejected')
    expect(whole.health().problems).toHaveLength(1)
    expect(acme.health()).toEqual({ state: 'stale', problems: [] })
    write('acme', 'NEITHER')
    await whole.reload()
    expect(acme.health().problems.map(({ file }) => file)).toEqual([join(folder, 'acme.yaml')])
    expect([...acme.current().servers.keys()]).toEqual(['acme'])
  })
})

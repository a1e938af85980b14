import { mkdtempSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AuditEvent, AuditTrail } from '#audit/trail.ts'
import type { Log } from '#core/log.ts'
import { openSnapshotHolder, type SnapshotHolder } from './holder.ts'

const GOOD = 'version: 1\nservers:\n  a:\n    stdio: { command: node }\n'
const OTHER = 'version: 1\nservers:\n  b:\n    stdio: { command: node }\n'
const BAD = 'version: 1\nsrvers: {}\n'

let folder: string
let file: string
let holder: SnapshotHolder | null
let events: AuditEvent[]
let auditFails: boolean
let logged: string[]

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-holder-')))
  file = join(folder, 'sallyport.yaml')
  writeFileSync(file, GOOD)
  holder = null
  events = []
  logged = []
  auditFails = false
})
afterEach(() => holder?.close())

const audit: AuditTrail = {
  entry: () => {
    throw new Error('not used')
  },
  record: async (event) => {
    if (auditFails) throw new Error('disk full')
    events.push(event)
  },
  refusedUnauthenticated: async () => undefined,
}
const log: Log = {
  debug: () => undefined,
  info: (message) => logged.push(message),
  warn: (message) => logged.push(message),
  error: (message) => logged.push(message),
}

/** Polling so rarely that only notifications or `reload()` can be the cause. */
async function open(pollMs = 3_600_000): Promise<SnapshotHolder> {
  const opened = await openSnapshotHolder({ file, env: {}, stateDir: folder, audit, log, pollMs })
  if (!opened.ok) throw new Error('refused')
  holder = opened.value
  return holder
}

const serversOf = (source: SnapshotHolder) => [...source.current().servers.keys()]

describe('the snapshot holder', () => {
  it('answers the problems of a first load and starts nothing', async () => {
    writeFileSync(file, BAD)
    const opened = await openSnapshotHolder({ file, env: {}, stateDir: folder, audit, log })
    expect(opened.ok).toBe(false)
    expect(events).toEqual([])
  })

  it('swaps in a changed file whole, recorded first, and tells its listeners once', async () => {
    const source = await open()
    const before = source.current()
    const swaps: number[] = []
    source.onSwap((snapshot) => swaps.push(snapshot.number))
    writeFileSync(file, OTHER)
    expect(await source.reload()).toBe('applied')
    expect(serversOf(source)).toEqual(['b'])
    expect([...before.servers.keys()]).toEqual(['a'])
    expect(swaps).toEqual([2])
    expect(events.map((event) => [event.activity, event.detail?.['number']])).toEqual([
      ['config.applied', 1],
      ['config.applied', 2],
    ])
    expect(events[1]?.decision).toEqual({ config: source.current().version })
    expect(source.current().version).not.toBe(before.version)
  })

  it('keeps the old one when the file goes bad, says so everywhere, and recovers', async () => {
    const source = await open()
    const before = source.current()
    writeFileSync(file, BAD)
    expect(await source.reload()).toBe('rejected')
    expect(source.current()).toBe(before)
    expect(source.health().state).toBe('stale')
    expect(source.health().problems[0]).toMatchObject({ line: 2, column: 1, path: 'srvers' })
    expect(events.at(-1)).toMatchObject({
      activity: 'config.rejected',
      outcome: 'refused',
      decision: { config: before.version },
      detail: { problems: 1, firstLine: 2 },
    })
    expect(logged).toContain('configuration rejected; the old one stays in force')
    writeFileSync(file, GOOD)
    expect(await source.reload()).toBe('applied')
    expect(source.health()).toEqual({ state: 'ok', problems: [] })
  })

  it('notices by itself, also when the file is replaced by renaming', async () => {
    const source = await open()
    writeFileSync(join(folder, 'new'), OTHER)
    renameSync(join(folder, 'new'), file)
    await vi.waitFor(() => expect(serversOf(source)).toEqual(['b']), { timeout: 10_000 })
  })

  it('notices by polling where notifications do not work, and reports a bad file once', async () => {
    const source = await open(20)
    writeFileSync(file, BAD)
    await vi.waitFor(() => expect(source.health().state).toBe('stale'), { timeout: 10_000 })
    for (let times = 0; times < 5; times += 1) await new Promise((resolve) => setTimeout(resolve, 25))
    expect(events.filter((event) => event.activity === 'config.rejected')).toHaveLength(1)
  })

  it('takes up a referenced secret when its file appears after the configuration was refused', async () => {
    const source = await open(20)
    writeFileSync(file, `version: 1\nservers:\n  b:\n    stdio: { command: node, env: { K: "\${file:secret}" } }\n`)
    await vi.waitFor(() => expect(source.health().state).toBe('stale'), { timeout: 10_000 })
    writeFileSync(join(folder, 'secret'), 'x', { mode: 0o600 })
    await vi.waitFor(() => expect(serversOf(source)).toEqual(['b']), { timeout: 10_000 })
    const number = source.current().number
    writeFileSync(join(folder, 'secret'), 'another', { mode: 0o600 })
    await vi.waitFor(() => expect(source.current().number).toBeGreaterThan(number), { timeout: 10_000 })
  })

  it('puts nothing in force that could not be recorded', async () => {
    const source = await open()
    writeFileSync(file, OTHER)
    auditFails = true
    expect(await source.reload()).toBe('rejected')
    expect(serversOf(source)).toEqual(['a'])
    expect(source.health().state).toBe('stale')
    auditFails = false
    expect(await source.reload()).toBe('applied')
    expect(serversOf(source)).toEqual(['b'])
  })

  it('keeps publicUrl and says that a restart is needed', async () => {
    const source = await open()
    writeFileSync(file, `version: 1\ngateway: { publicUrl: http://127.0.0.1:9999 }\n${OTHER.slice(11)}`)
    expect(await source.reload()).toBe('applied')
    expect(source.current().publicUrl).toBe('http://127.0.0.1:8700')
    expect([...source.current().servers.values()].map((server) => server.resource)).toEqual([
      'http://127.0.0.1:8700/mcp/b',
    ])
    expect(source.loaded().warnings.map((warning) => warning.path)).toContain('gateway.publicUrl')
  })
})

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { asGrantId } from '#core/ids.ts'
import type { Store } from '#store/ports/store.ts'
import { eventually } from '../support/eventually.ts'
import type { Engine } from './engines.ts'
import { ACME, NOW } from './samples.ts'

const CHILD = fileURLToPath(new URL('./crash-child.ts', import.meta.url))

/** Kills a writer so many times on one store, and after each expects all that was acknowledged so far and nothing half done. */
export async function expectCrashSafe(engine: Engine, kills: number): Promise<void> {
  const place = await engine.createPlace()
  const acknowledged: string[] = []
  for (let kill = 0; kill < kills; kill += 1) {
    // Each time after another number of writes, so that the kill falls on other moments of the work.
    acknowledged.push(...(await writeAndKill(engine.name, place, 20 + ((kill * 37) % 200))))
    const store = await engine.openStore(place)
    await expectAll(store, acknowledged)
    // A database server may take a moment to finish the last thing that the killed one had asked for.
    await eventually(() => expectWhole(store))
    await store.close()
  }
  await engine.removePlace(place)
}

/** Lines the child told before it was killed, which happens after this many of them. */
async function writeAndKill(engineName: string, place: string, lines: number): Promise<string[]> {
  const child: ChildProcess = spawn(process.execPath, ['--conditions=sallyport-source', CHILD, engineName, place], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const told: string[] = []
  if (child.stdout === null) throw new Error('no stdout')
  for await (const line of createInterface({ input: child.stdout })) {
    told.push(line)
    if (told.length === lines) child.kill('SIGKILL')
  }
  expect(await exited).toEqual([null, 'SIGKILL'])
  return told
}

async function expectAll(store: Store, acknowledged: readonly string[]): Promise<void> {
  const audit = new Map((await store.audit.latest(ACME, 1_000_000)).map((one) => [one.id, one.position]))
  const revoked = new Set(acknowledged.filter((line) => line.startsWith('revoked')).map((line) => line.slice(8)))
  for (const line of acknowledged) {
    const [kind, first = '', second = '', third = ''] = line.split(' ')
    if (kind === 'audit') expect(audit.has(first), line).toBe(true)
    if (kind === 'placed') expect(audit.get(second), line).toBe(Number(first))
    if (kind === 'revoked') expect((await store.grants.find(ACME, asGrantId(first)))?.revokedAt, line).toBe(NOW)
    if (kind === 'opened') {
      expect(await store.grants.find(ACME, asGrantId(first)), line).not.toBeNull()
      expect(audit.has(third), line).toBe(true)
      const issued = await store.engine.find(ACME, 'RefreshToken', second, NOW)
      if (revoked.has(first)) expect(issued, line).toBeNull()
    }
    if (kind === 'consumed') {
      const used = await store.engine.find(ACME, 'RefreshToken', first, NOW)
      if (used !== null) expect(used.consumedAt, line).toBe(NOW)
    }
  }
}

/** Every revoked grant is in the feed and has no document left; places have no gap. */
async function expectWhole(store: Store): Promise<void> {
  const feed = await store.feed.since(0, 1_000_000)
  expect(feed.map((change) => change.number)).toEqual(feed.map((_, i) => i + 1))
  const told = new Set(feed.map((change) => change.id))
  let cursor: string | null = null
  do {
    const page = await store.grants.list(ACME, {}, { cursor, limit: 200 })
    for (const grant of page.items) expect(told.has(grant.grantId)).toBe(grant.revokedAt !== null)
    cursor = page.nextCursor
  } while (cursor !== null)
  const placed = await store.audit.read(ACME, 0, 1_000_000)
  expect(placed.map((one) => one.position)).toEqual(placed.map((_, i) => i))
}

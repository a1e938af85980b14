import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { failureOf, smallEntry } from '../../../test/support/store.ts'
import type { StoreFailure } from '../errors.ts'
import type { NewEngineDocument } from '../ports/engine.ts'
import { openSqliteStore } from './open.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-full-'))
  file = join(folder, 'store.db')
})
afterEach(() => rm(folder, { recursive: true }))

const big = (id: string): NewEngineDocument => ({
  model: 'Session',
  id,
  payload: 'x'.repeat(100_000),
  grantId: null,
  uid: null,
  userCode: null,
  accountId: null,
  clientId: null,
  expiresAt: 100,
})

it('writes are refused whole, reads go on, and writing works again once there is room', async () => {
  const store = await openSqliteStore({ file, pagesMax: 400 })
  const written: string[] = []
  let failure: StoreFailure | null = null
  for (let i = 0; failure === null; i += 1) {
    const id = `d${i}`
    const operations = [
      { kind: 'insert', document: { ...big(id), model: 'Small', payload: '' } },
      { kind: 'insert', document: big(id) },
    ] as const
    try {
      await store.engine.commit(DEFAULT_TENANT, operations, [smallEntry(id)])
      written.push(id)
    } catch (error) {
      failure = await failureOf(Promise.reject(error))
      expect(await store.engine.find(DEFAULT_TENANT, 'Small', id, 1)).toBeNull()
      expect(await store.engine.find(DEFAULT_TENANT, 'Session', id, 1)).toBeNull()
    }
  }
  expect(failure.message).toBe('the store could not complete engine.commit')
  expect(String(failure.cause)).toContain('full')
  expect(written.length).toBeGreaterThan(5)
  expect((await store.audit.latest(DEFAULT_TENANT, 1000)).map((kept) => kept.id)).toEqual(written.toReversed())
  for (const id of written) expect(await store.engine.find(DEFAULT_TENANT, 'Session', id, 1)).not.toBeNull()

  expect(await store.engine.collectExpired(1000, 1000)).toBe(written.length * 2)
  expect(await store.engine.commit(DEFAULT_TENANT, [{ kind: 'insert', document: big('after') }], [])).toEqual({
    outcome: 'committed',
  })
  await store.close()
})

it('a call too large for the space left does not fail the small one beside it', async () => {
  const store = await openSqliteStore({ file, pagesMax: 200 })
  const huge = { ...big('huge'), payload: 'x'.repeat(2_000_000) }
  const [small, large, another] = await Promise.allSettled([
    store.audit.append([smallEntry('small')]),
    store.engine.commit(DEFAULT_TENANT, [{ kind: 'insert', document: huge }], [smallEntry('large')]),
    store.audit.append([smallEntry('another')]),
  ])
  expect([small?.status, large?.status, another?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect((await store.audit.latest(DEFAULT_TENANT, 9)).map((kept) => kept.id)).toEqual(['another', 'small'])
  await store.close()
})

it('when the operating system refuses to write, commits fail whole, and later starts find what was acknowledged', async () => {
  const script = join(folder, 'write.mjs')
  const module = JSON.stringify(fileURLToPath(new URL('./open.ts', import.meta.url)))
  await writeFile(
    script,
    `const { openSqliteStore } = await import(${module})
    const store = await openSqliteStore({ file: ${JSON.stringify(file)} })
    const outcome = { written: [], refused: [], afterwards: 0 }
    for (let i = 0; i < 200; i += 1) {
      const ids = Array.from({ length: 4 }, (_, j) => 'e' + i + '-' + j)
      const body = 'x'.repeat(5000)
      const entries = ids.map((id) => ({ id, tenant: 'default', timeMs: 0, requestId: null, body, personal: null }))
      const settled = await Promise.allSettled(entries.map((entry) => store.audit.append([entry])))
      settled.forEach(({ status }, j) => (status === 'fulfilled' ? outcome.written : outcome.refused).push(ids[j]))
      if (outcome.refused.length > 20) break
    }
    outcome.afterwards = (await store.audit.latest('default', 10000)).length
    await store.close().catch(() => undefined)
    console.log(JSON.stringify(outcome))\n`,
  )
  // 512-byte or 1-KiB blocks, by shell: no file may grow beyond 1 or 2 MiB.
  const limited = 'ulimit -f 2048; exec "$0" "$@"'
  const child = spawn('/bin/sh', ['-c', limited, process.execPath, '--conditions=sallyport-source', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  // The script above prints exactly this.
  const told = JSON.parse(await text(child.stdout)) as { written: string[]; refused: string[]; afterwards: number }
  const { written, refused, afterwards } = told
  expect(await exited).toEqual([0, null])
  expect(written.length).toBeGreaterThan(20)
  expect(refused.length).toBeGreaterThan(20)
  expect(afterwards).toBe(written.length)

  const store = await openSqliteStore({ file })
  const kept = (await store.audit.latest(DEFAULT_TENANT, 10_000)).map((one) => one.id)
  expect(kept.toSorted()).toEqual(written.toSorted())
  await store.audit.append([smallEntry('after')])
  await store.close()
})

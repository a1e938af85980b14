import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { failureOf, smallEntry } from '../../../test/support/store.ts'
import { StoreInUse, StoreTooNew } from '../errors.ts'
import { openSqliteStore } from './open.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-open-'))
  file = join(folder, 'state', 'store.db')
})
afterEach(() => rm(folder, { recursive: true }))

describe('files', () => {
  it('folder and files are for their owner alone, the write-ahead log included', async () => {
    const store = await openSqliteStore({ file })
    await store.audit.append([smallEntry('a')])
    expect((await stat(join(folder, 'state'))).mode & 0o777).toBe(0o700)
    for (const name of [file, `${file}.lock`, `${file}-wal`, `${file}-shm`]) {
      expect((await stat(name)).mode & 0o777, name).toBe(0o600)
    }
    await store.close()
  })

  it('an existing database that others may read is closed to them', async () => {
    await (await openSqliteStore({ file })).close()
    await chmod(file, 0o644)
    await (await openSqliteStore({ file })).close()
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('what was written is there after closing and opening', async () => {
    const first = await openSqliteStore({ file })
    await first.audit.append([smallEntry('a')])
    await first.close()
    const second = await openSqliteStore({ file })
    expect((await second.audit.latest(DEFAULT_TENANT, 9)).map((kept) => kept.id)).toEqual(['a'])
    await second.close()
  })

  it('a commit is synced before it is acknowledged', async () => {
    // The pragmas belong to the worker's connection, so its source of truth is a database opened the same way.
    const { openDatabase } = await import('./database.ts')
    const db = openDatabase(join(folder, 'other.db'), null)
    const pragma = (name: string) => Object.values(db.prepare(`pragma ${name}`).get() ?? {})[0]
    expect(pragma('journal_mode')).toBe('wal')
    expect(pragma('synchronous')).toBe(2)
    expect(pragma('foreign_keys')).toBe(1)
    expect(pragma('secure_delete')).toBe(1)
    expect(pragma('busy_timeout')).toBe(5000)
    db.close()
  })
})

describe('one opener', () => {
  it('a second opener in the same process is refused until the first closes, also by another spelling of the path', async () => {
    const first = await openSqliteStore({ file })
    await symlink(file, join(folder, 'link.db'))
    await expect(openSqliteStore({ file })).rejects.toThrow(StoreInUse)
    await expect(openSqliteStore({ file: join(folder, 'state', '..', 'state', 'store.db') })).rejects.toThrow(
      StoreInUse,
    )
    await expect(openSqliteStore({ file: join(folder, 'link.db') })).rejects.toThrow(StoreInUse)
    await first.audit.append([smallEntry('still works')])
    await first.close()
    const second = await openSqliteStore({ file })
    await second.close()
  })

  it('of eight openers at once, one gets it', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => openSqliteStore({ file })))
    const opened = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(opened).toHaveLength(1)
    for (const refusal of refused) expect(refusal.reason).toBeInstanceOf(StoreInUse)
    await Promise.all(opened.map((one) => one.value.close()))
  })

  it('another process is refused, and kill -9 of the holder frees the store at once', async () => {
    const script = join(folder, 'hold.mjs')
    const module = JSON.stringify(fileURLToPath(new URL('./open.ts', import.meta.url)))
    await writeFile(
      script,
      `const { openSqliteStore } = await import(${module})\nawait openSqliteStore({ file: ${JSON.stringify(file)} })\nconsole.log('held')\n`,
    )
    const holder = spawn(process.execPath, ['--conditions=sallyport-source', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(holder, 'exit')
    try {
      await once(holder.stdout, 'data')
      await expect(openSqliteStore({ file })).rejects.toThrow(StoreInUse)
    } finally {
      holder.kill('SIGKILL')
    }
    await exited
    const store = await openSqliteStore({ file })
    await store.close()
  })
})

describe('unusable files', () => {
  it('a store of a newer version is refused by name and left as it is', async () => {
    await (await openSqliteStore({ file })).close()
    const db = new DatabaseSync(file)
    db.exec("insert into schema_migrations values ('9999-from-the-future')")
    db.close()
    const before = await readFile(file)
    await expect(openSqliteStore({ file })).rejects.toThrow(StoreTooNew)
    await expect(openSqliteStore({ file })).rejects.toThrow('9999-from-the-future')
    expect(await readFile(file)).toEqual(before)
  })

  it.each([
    ['garbage', (page: Buffer) => page.fill('no database ')],
    ['a damaged header', (page: Buffer) => page.fill(0xff, 0, 100)],
    ['a damaged schema page', (page: Buffer) => page.fill(0xff, 100, 4096)],
  ])('%s is reported without a word about the path, and the lock is free again', async (_, damage) => {
    await (await openSqliteStore({ file })).close()
    const intact = await readFile(file)
    await writeFile(file, damage(Buffer.from(intact)))
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const failure = await failureOf(openSqliteStore({ file }))
      expect(failure).not.toBeInstanceOf(StoreInUse)
      expect(failure.message).toBe('the store could not be opened')
      expect(failure.cause).toBeInstanceOf(Error)
    }
    await writeFile(file, intact)
    await (await openSqliteStore({ file })).close()
  })

  it('a folder that cannot be made, and a folder in place of the file, are reported', async () => {
    await writeFile(join(folder, 'plain'), '')
    await failureOf(openSqliteStore({ file: join(folder, 'plain', 'store.db') }))
    await mkdir(join(folder, 'directory.db'))
    await failureOf(openSqliteStore({ file: join(folder, 'directory.db') }))
  })
})

describe('calls', () => {
  it('a failing call says what was being done, and keeps SQLite’s words for the log', async () => {
    const store = await openSqliteStore({ file })
    await store.audit.append([smallEntry('a')])
    const failure = await failureOf(store.audit.append([smallEntry('a')]))
    expect(failure.message).toBe('the store could not complete audit.append')
    expect(String(failure.cause)).toContain('UNIQUE')
    await store.close()
  })

  it('closing finishes and answers what was called before, and refuses what comes after', async () => {
    const store = await openSqliteStore({ file })
    const calls = Array.from({ length: 500 }, (_, i) => store.audit.append([smallEntry(`e${i}`)]))
    const closed = store.close()
    expect((await failureOf(store.feed.head())).message).toBe('the store is closed')
    await Promise.all(calls)
    await closed
    await store.close()
    const again = await openSqliteStore({ file })
    expect(await again.audit.latest(DEFAULT_TENANT, 1000)).toHaveLength(500)
    await again.close()
  })

  it('what was acknowledged is seen by every call made afterwards', async () => {
    const store = await openSqliteStore({ file })
    const writeThenRead = async (_: unknown, i: number) => {
      await store.audit.append([smallEntry(`e${i}`)])
      const seen = await store.audit.latest(DEFAULT_TENANT, 1000)
      expect(seen.map((kept) => kept.id)).toContain(`e${i}`)
    }
    await Promise.all(Array.from({ length: 200 }, writeThenRead))
    await store.close()
  })
})

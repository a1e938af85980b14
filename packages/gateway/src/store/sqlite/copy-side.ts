import { access } from 'node:fs/promises'
import type { CopySide } from '../copy/copy-side.ts'
import { CopyRefused } from '../copy/copy-store.ts'
import { requireCurrent } from '../copy/current.ts'
import { migrate } from '../sql/migrate.ts'
import { openDatabase, queriesOver } from './database.ts'
import { lockStore } from './lock.ts'
import { lockFileOf, prepareFiles } from './prepare-files.ts'

/**
 * A database file for `db copy`, held as its gateway would hold it. A target that is not there is made.
 * @throws StoreInUse, CopyRefused
 */
export async function openSqliteSide(file: string, role: 'source' | 'target'): Promise<CopySide> {
  if (role === 'source') {
    await access(file).catch((cause: unknown) => {
      throw new CopyRefused('there is no such SQLite store', { cause })
    })
  }
  const truePath = await prepareFiles(file)
  const lock = lockStore(lockFileOf(truePath))
  try {
    const db = openDatabase(truePath, null)
    try {
      db.exec('begin immediate')
      if (role === 'source') await requireCurrent(queriesOver<unknown>(db))
      else await migrate(queriesOver<unknown>(db))
    } catch (cause) {
      db.close()
      throw cause
    }
    return {
      engine: 'sqlite',
      db: queriesOver(db),
      commit: async () => db.exec('commit'),
      close: async () => {
        if (db.isTransaction) db.exec('rollback')
        db.close()
        lock.close()
      },
    }
  } catch (cause) {
    lock.close()
    throw cause
  }
}

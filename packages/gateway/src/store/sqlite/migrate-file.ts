import { StoreFailure } from '../errors.ts'
import { migrate } from '../sql/migrate.ts'
import { openDatabase, queriesOver } from './database.ts'
import { lockStore } from './lock.ts'
import { lockFileOf, prepareFiles } from './prepare-files.ts'

/**
 * Brings a database file to this version without opening it as a store; answers which migrations were run.
 * @throws StoreInUse, StoreTooNew, StoreFailure
 */
export async function migrateSqlite(file: string): Promise<readonly string[]> {
  const truePath = await prepareFiles(file)
  const lock = lockStore(lockFileOf(truePath))
  try {
    const db = openDatabase(truePath, null)
    try {
      db.exec('begin exclusive')
      const migrated = await migrate(queriesOver<unknown>(db))
      db.exec('commit')
      return migrated
    } finally {
      db.close()
    }
  } catch (cause) {
    throw cause instanceof StoreFailure ? cause : new StoreFailure('the store could not be migrated', { cause })
  } finally {
    lock.close()
  }
}

import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { lockStore } from './lock.ts'
import { createPrivate, lockFileOf } from './prepare-files.ts'

/**
 * Takes the folder of this database file as opening it would, where the store is elsewhere: whatever store its gateway uses, a folder has
 * one process at a time.
 * @throws StoreInUse
 */
export async function holdFolder(database: string): Promise<{ release(): void }> {
  const file = lockFileOf(join(await realpath(dirname(database)), basename(database)))
  await createPrivate(file)
  const lock = lockStore(file)
  return { release: () => lock.close() }
}

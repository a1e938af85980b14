import { chmod, mkdir, open, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemErrorCode } from '#core/system-error.ts'

/**
 * Makes folder (0700) and files (0600) where they are missing and answers the one true path of the database, so that two spellings of
 * it meet at the same lock. SQLite gives its journal files the mode of the database.
 */
export async function prepareFiles(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await createPrivate(file)
  const truePath = await realpath(file)
  await createPrivate(lockFileOf(truePath))
  const folder = await open(dirname(truePath), 'r')
  try {
    // The file's name must survive a power cut as surely as what will be written into it.
    await folder.sync()
  } finally {
    await folder.close()
  }
  return truePath
}

/** Where the lock of a database lies, whether or not there is a database. */
export function lockFileOf(database: string): string {
  return `${database}.lock`
}

export async function createPrivate(file: string): Promise<void> {
  try {
    // Exclusive: an existing database must not be opened here, because closing any descriptor of a file drops this process's
    // POSIX locks on it, SQLite's among them.
    await (await open(file, 'wx', 0o600)).close()
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error
    await chmod(file, 0o600)
  }
}

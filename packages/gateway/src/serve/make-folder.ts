import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemErrorCode } from '#core/system-error.ts'

/**
 * Creates a folder (0700) and those above it that are missing. Where the parent is there and the system still says ENOENT (`/proc`), it
 * throws; `mkdir` with `recursive` tries there for ever.
 */
export async function makeFolder(path: string): Promise<void> {
  const first = await make(path)
  if (first !== 'ENOENT') return
  const parent = dirname(path)
  if (parent !== path) await makeFolder(parent)
  if ((await make(path)) === 'ENOENT')
    throw Object.assign(new Error('the folder cannot be created'), { code: 'ENOENT' })
}

/** Something that is there already is the caller's to judge. */
async function make(path: string): Promise<'made' | 'exists' | 'ENOENT'> {
  try {
    await mkdir(path, { mode: 0o700 })
    return 'made'
  } catch (cause) {
    const code = systemErrorCode(cause)
    if (code === 'EEXIST') return 'exists'
    if (code === 'ENOENT') return 'ENOENT'
    throw cause
  }
}

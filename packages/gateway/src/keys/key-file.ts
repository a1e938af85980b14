import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, link, mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemErrorCode } from '#core/system-error.ts'

/** No key of ours is near this size; a larger file is not one. */
const KEY_FILE_BYTES_MAX = 4096

/** A key file that must not be used as it is. The message says what to do; it holds no key material. */
export class KeyFileUnsafe extends Error {
  override readonly name = 'KeyFileUnsafe'
}

/**
 * The bytes of a key file, made and stored (mode 0600) on first use. The file appears whole or not at all, also when two start at once:
 * all of them get the same bytes.
 * @throws KeyFileUnsafe when group or others may read it, or when it is not a plain file with content.
 */
export async function readOrCreateKeyFile(file: string, makeBytes: () => Uint8Array): Promise<Uint8Array> {
  const existing = await readKeyFile(file)
  if (existing !== null) return existing
  await createKeyFile(file, makeBytes())
  const created = await readKeyFile(file)
  if (created === null) throw new KeyFileUnsafe(`the key file ${file} vanished while it was created`)
  return created
}

/** The bytes of a key file; null if there is none. @throws KeyFileUnsafe */
export async function readKeyFile(file: string): Promise<Uint8Array | null> {
  let handle: FileHandle
  try {
    // Not through a symbolic link: whoever may place one could choose our key. Not blocking on a pipe.
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return null
    throw new KeyFileUnsafe(`the key file ${file} cannot be read as a plain file`, { cause })
  }
  try {
    const about = await handle.stat()
    if (!about.isFile()) throw new KeyFileUnsafe(`the key file ${file} is not a plain file`)
    if ((about.mode & 0o077) !== 0) {
      throw new KeyFileUnsafe(
        `the key file ${file} is open to group or others: chmod 600 it, or replace it if they read it`,
      )
    }
    if (about.size === 0 || about.size > KEY_FILE_BYTES_MAX) {
      throw new KeyFileUnsafe(`the key file ${file} is empty or too large to be a key`)
    }
    return new Uint8Array(await handle.readFile())
  } finally {
    await handle.close()
  }
}

async function createKeyFile(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${randomUUID()}.new`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    // A link is refused when the name is taken, and what it names is already complete and synced.
    await link(draft, file)
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
  const folder = await open(dirname(file), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

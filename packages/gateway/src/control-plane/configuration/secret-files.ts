import { type FileHandle, open } from 'node:fs/promises'
import { ok, type Result, refused } from '#core/result.ts'
import { describeReadFailure } from './source.ts'

const SECRET_BYTES_MAX = 64 * 1024
/** Bundles of authorities are larger than any secret. */
const PUBLIC_BYTES_MAX = 1024 * 1024
/** Read permission of everybody. */
const WORLD_READABLE = 0o004

/**
 * Reads a file that holds a secret. Refuses one that everybody on the machine may read: then it is no secret.
 * The answer is the text without its last line break.
 */
export async function readSecretFile(path: string): Promise<Result<string, string>> {
  return readPrivate(path, true)
}

/** The same without the permission check, for certificates. */
export async function readPublicFile(path: string): Promise<Result<string, string>> {
  return readPrivate(path, false)
}

async function readPrivate(path: string, isSecret: boolean): Promise<Result<string, string>> {
  let handle: FileHandle | null = null
  try {
    handle = await open(path, 'r')
    // The open file is what is judged, so that a swap between check and read changes nothing.
    const found = await handle.stat()
    if (!found.isFile()) return refused('This is not a file.')
    const bytesMax = isSecret ? SECRET_BYTES_MAX : PUBLIC_BYTES_MAX
    if (found.size > bytesMax) return refused(`The file is larger than ${bytesMax} bytes.`)
    if (isSecret && (found.mode & WORLD_READABLE) !== 0)
      return refused('Everybody on this machine may read the file. Run `chmod o-rwx` on it.')
    const text = (await handle.readFile('utf8')).replace(/\r?\n$/, '')
    return text === '' ? refused('The file is empty.') : ok(text)
  } catch (cause) {
    return refused(describeReadFailure(cause))
  } finally {
    await handle?.close()
  }
}

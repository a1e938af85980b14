import { createHash } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

const POLL_MS = 2_000
/** Editors write in several steps; this long after the last one the file is read. */
const DEBOUNCE_MS = 100
const FOLDERS_MAX = 32

export interface Watch {
  close(): void
}

/**
 * Calls `onChange` some time after one of the files may have changed; it decides itself whether anything did. Folders are watched rather
 * than files, because editors and Kubernetes replace files by renaming; polling stands in where notifications do not work.
 */
export function watchFiles(files: () => readonly string[], onChange: () => Promise<unknown>, pollMs = POLL_MS): Watch {
  const watchers = new Map<string, FSWatcher>()
  let debounce: NodeJS.Timeout | null = null
  let isClosed = false
  const soon = () => {
    if (isClosed) return
    if (debounce !== null) clearTimeout(debounce)
    debounce = setTimeout(() => void onChange().then(follow), DEBOUNCE_MS)
    debounce.unref()
  }
  const follow = () => {
    if (isClosed) return
    const folders = new Set(files().map(dirname).slice(0, FOLDERS_MAX))
    for (const [folder, watcher] of watchers) {
      if (folders.has(folder)) continue
      watcher.close()
      watchers.delete(folder)
    }
    for (const folder of folders) {
      if (watchers.has(folder)) continue
      try {
        const watcher = watch(folder, { persistent: false }, soon)
        // A folder that goes away is found again by polling.
        watcher.on('error', () => {
          watcher.close()
          watchers.delete(folder)
        })
        watchers.set(folder, watcher)
      } catch {
        // No notifications here (the folder is gone, or the system has none left): polling remains.
      }
    }
  }
  follow()
  const poll = setInterval(() => void onChange().then(follow), pollMs)
  poll.unref()
  return {
    close: () => {
      isClosed = true
      clearInterval(poll)
      if (debounce !== null) clearTimeout(debounce)
      for (const watcher of watchers.values()) watcher.close()
      watchers.clear()
    },
  }
}

/**
 * Changes when the content of the first file, or identity, size or time of one of the others does. Secrets are not read for it.
 * A file that cannot be read has a fingerprint too, so that it is reported once.
 */
export async function readFingerprint([main, ...others]: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  try {
    if (main !== undefined) hash.update(await readFile(main))
  } catch {
    hash.update('unreadable')
  }
  for (const file of others) {
    try {
      const found = await stat(file)
      hash.update(`|${file}|${found.ino}|${found.size}|${found.mtimeMs}|${found.mode}`)
    } catch {
      hash.update(`|${file}|gone`)
    }
  }
  return hash.digest('hex')
}

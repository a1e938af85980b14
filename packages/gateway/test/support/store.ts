import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '#store/ports/store.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'

/** An empty store in a folder of its own; `close` ends it and removes the folder. */
export async function openTestStore(): Promise<{ store: Store; file: string; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-store-'))
  const file = join(folder, 'store.db')
  const store = await openSqliteStore({ file })
  return {
    store,
    file,
    close: async () => {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { StoreFailure } from '#store/errors.ts'
import type { AuditEntry } from '#store/ports/audit.ts'
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

/** The smallest audit entry. */
export function smallEntry(id: string): AuditEntry {
  return { id, tenant: DEFAULT_TENANT, timeMs: 0, requestId: null, body: '{}', personal: null }
}

/** What the promise rejects with; throws if it does not, or with something else. */
export async function failureOf(promise: Promise<unknown>): Promise<StoreFailure> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof StoreFailure)) throw new Error('expected a StoreFailure', { cause: error })
  return error
}

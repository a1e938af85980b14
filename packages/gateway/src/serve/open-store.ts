import { access } from 'node:fs/promises'
import { requireRemembered } from '#audit/sequencer.ts'
import { describeStore } from '#control-plane/configuration/resolve-store.ts'
import type { TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { StoreSettings } from '#store/ports/settings.ts'
import type { Store } from '#store/ports/store.ts'
import { holdFolder } from '#store/sqlite/hold-folder.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import type { StateFolder } from './state-folder.ts'

export interface OpenedStore {
  readonly store: Store
  /** Takes up a new password; everything else holds until a restart. */
  follow(settings: StoreSettings): void
}

/**
 * Opens the store that the configuration names. Whichever it is, the state folder has one process at a time.
 * @throws StoreInUse, StoreTooNew, StoreUnsafe, StoreUnavailable, StoreFailure, LogTampered
 */
export async function openStore(
  settings: StoreSettings,
  folder: StateFolder,
  tenant: TenantId,
  log: Log,
): Promise<OpenedStore> {
  const opened = await openEngine(settings, folder, log)
  try {
    await requireRemembered(opened.store.audit, tenant, folder.auditTree)
    return opened
  } catch (cause) {
    await opened.store.close()
    throw cause
  }
}

async function openEngine(settings: StoreSettings, folder: StateFolder, log: Log): Promise<OpenedStore> {
  if (settings.kind === 'sqlite') {
    return { store: await openSqliteStore({ file: folder.database }), follow: () => undefined }
  }
  const held = await holdFolder(folder.database)
  try {
    // Only who uses it pays for loading the driver.
    const { openPostgresStore } = await import('#store/postgres/open.ts')
    let inForce: StoreSettings = settings
    const store = await openPostgresStore({
      settings,
      password: () => (inForce.kind === 'postgres' ? inForce.password : settings.password),
      warn: (message) => log.warn(message),
    })
    if ((await store.feed.head()) === 0 && (await exists(folder.database)))
      log.warn('the state folder holds a SQLite store that is not used; `sallyport db copy` takes it to PostgreSQL')
    return {
      store: {
        ...store,
        close: async () => {
          await store.close()
          held.release()
        },
      },
      follow: (next) => {
        // Of another store that waits for a restart, the password is that one's.
        if (describeStore(next) === describeStore(settings)) inForce = next
      },
    }
  } catch (cause) {
    held.release()
    throw cause
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

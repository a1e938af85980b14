export { WriterEnded } from './ports/audit.ts'
export { CursorInvalid } from './ports/page.ts'

/** The store could not do what it was asked: full disk, unreadable file, closed. The message is safe to show; the cause is for the log. */
export class StoreFailure extends Error {
  override readonly name: string = 'StoreFailure'
}

/** The store is out of reach or too slow for now: a connection lost, a server restarting, no room in time. It may work in a moment. */
export class StoreUnavailable extends StoreFailure {
  override readonly name = 'StoreUnavailable'
}

/** The database server is one that would not keep what it acknowledges, or cannot hold what we give it. The operator has to change it. */
export class StoreUnsafe extends StoreFailure {
  override readonly name = 'StoreUnsafe'
}

/** Another process, or another part of this one, has the store open. */
export class StoreInUse extends StoreFailure {
  override readonly name = 'StoreInUse'

  constructor() {
    super('the store is already open elsewhere: only one server may use it at a time')
  }
}

/** The store was written by a newer version, which alone knows what its tables mean. */
export class StoreTooNew extends StoreFailure {
  override readonly name = 'StoreTooNew'
  readonly migration: string

  constructor(migration: string) {
    super(
      `the store was written by a newer version (it holds migration ${migration}): use that version or restore a backup`,
    )
    this.migration = migration
  }
}

/** Cursors are opaque, URL-safe strings made by the store; null asks for the first page. A list rejects others with CursorInvalid. */
export interface PageRequest {
  readonly cursor: string | null
  /** 1 to 200. */
  readonly limit: number
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}

/** A page was asked for with a cursor that this list did not hand out. The caller's mistake, not the store's. */
export class CursorInvalid extends Error {
  override readonly name = 'CursorInvalid'

  constructor() {
    super('the cursor is not one that was handed out for this list')
  }
}

/** Cursors are opaque, URL-safe strings made by the store; null asks for the first page. */
export interface PageRequest {
  readonly cursor: string | null
  /** 1 to 200. */
  readonly limit: number
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}

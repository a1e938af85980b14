import { CursorInvalid, type Page, type PageRequest } from '../ports/page.ts'

/** Largest page, whatever was asked for. */
const PAGE_ITEMS_MAX = 200

type CursorKey = readonly (string | number)[]

/** Rows to fetch: one more than the page holds tells whether there is a next page. */
export function rowsToFetch(page: PageRequest): number {
  return pageSize(page) + 1
}

/** Where the page starts: the sort key of the last item before it; null for the first page. `kinds` is the shape this list hands out. */
export function readCursor(page: PageRequest, kinds: readonly ('string' | 'number')[]): CursorKey | null {
  if (page.cursor === null) return null
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(page.cursor, 'base64url').toString('utf8'))
  } catch {
    throw new CursorInvalid()
  }
  if (!Array.isArray(value) || value.length !== kinds.length || value.some((part, i) => typeof part !== kinds[i])) {
    throw new CursorInvalid()
  }
  return value
}

export function toPage<Row, Item>(
  rows: readonly Row[],
  page: PageRequest,
  keyOf: (row: Row) => CursorKey,
  itemOf: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, pageSize(page))
  const last = shown.at(-1)
  const hasMore = rows.length > shown.length && last !== undefined
  return {
    items: shown.map(itemOf),
    nextCursor: hasMore ? Buffer.from(JSON.stringify(keyOf(last))).toString('base64url') : null,
  }
}

function pageSize(page: PageRequest): number {
  return Math.min(Math.max(1, Math.trunc(page.limit)), PAGE_ITEMS_MAX)
}

import { z } from 'zod'
import type { PageRequest } from '#store/ports/page.ts'

const LIMIT_MAX = 200
const LIMIT_DEFAULT = 50
const CURSOR_CHARS_MAX = 1_024

/** Query fields of every list. */
export const pageQuery = {
  cursor: z.string().min(1).max(CURSOR_CHARS_MAX).optional().describe('From `nextCursor` of the page before; opaque.'),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT).describe('Most items in the answer.'),
}

export function toPageRequest(query: { readonly cursor?: string | undefined; readonly limit: number }): PageRequest {
  return { cursor: query.cursor ?? null, limit: query.limit }
}

export function pageOf<T extends z.ZodType>(item: T) {
  return z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() })
}

/** Times leave as RFC 3339; inside they are seconds. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}

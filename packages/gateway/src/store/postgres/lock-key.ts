import { createHash } from 'node:crypto'
import type { PostgresSettings } from '../ports/settings.ts'

/** Advisory locks are numbers that a whole database shares: 63 bits of a hash keep ours apart from each other's and from strangers'. */
export function lockKey({ schema }: PostgresSettings, name: string): string {
  const digest = createHash('sha256').update(`sallyport ${schema} ${name}`).digest()
  return String(digest.readBigInt64BE(0) & 0x7fffffffffffffffn)
}

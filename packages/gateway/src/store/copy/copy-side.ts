import type { Kysely } from 'kysely'
import type { Database } from '../sql/schema.ts'

/** A store as `db copy` has it: nobody else uses it, and everything is one transaction. */
export interface CopySide {
  readonly engine: 'sqlite' | 'postgres'
  readonly db: Kysely<Database>
  /** Keeps what was written, durably. Without it, closing takes everything back. */
  commit(): Promise<void>
  close(): Promise<void>
}

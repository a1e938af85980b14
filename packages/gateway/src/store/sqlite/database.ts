import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely'
import type { Database } from '../sql/schema.ts'

/** How long a statement waits for a reader from outside, such as a backup, before it fails. */
const BUSY_TIMEOUT_MS = 5000
/** Prepared statements kept; port methods make a few hundred different texts at most. */
const STATEMENTS_KEPT_MAX = 512
/** The write-ahead log is cut back to this after a checkpoint, however large a burst made it. */
const WAL_BYTES_MAX = 64 * 1024 * 1024

/**
 * Opens the database file for this connection alone to write.
 * WAL with synchronous=FULL: a commit returns after its frames are synced, so what was acknowledged survives a power cut.
 */
export function openDatabase(file: string, pagesMax: number | null): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true })
  try {
    db.exec('pragma journal_mode = wal')
    db.exec('pragma synchronous = full')
    // macOS: a plain fsync leaves the data in the drive's cache. Nothing changes elsewhere.
    db.exec('pragma fullfsync = on; pragma checkpoint_fullfsync = on')
    db.exec(`pragma journal_size_limit = ${WAL_BYTES_MAX}`)
    // Erased personal data must not linger in free pages.
    db.exec('pragma secure_delete = on')
    if (pagesMax !== null) db.exec(`pragma max_page_count = ${pagesMax}`)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** kysely over one open connection. Its queries run at once, in order; transactions are the worker's business, not kysely's. */
export function queriesOver<Tables = Database>(db: DatabaseSync): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database: new PreparedStatements(db) }) })
}

class PreparedStatements implements SqliteDatabase {
  readonly #db: DatabaseSync
  readonly #kept = new Map<string, SqliteStatement>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  prepare(text: string): SqliteStatement {
    const kept = this.#kept.get(text)
    if (kept !== undefined) return kept
    const statement = asKyselyStatement(this.#db.prepare(text))
    const [oldest] = this.#kept.keys()
    if (this.#kept.size >= STATEMENTS_KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest)
    this.#kept.set(text, statement)
    return statement
  }

  close(): void {
    this.#kept.clear()
  }
}

function asKyselyStatement(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...bindable(parameters)),
    run: (parameters) => statement.run(...bindable(parameters)),
    iterate: (parameters) => statement.iterate(...bindable(parameters)),
  }
}

/** kysely types parameters as unknown; schema.ts allows columns of text, integer, blob and null only, all of which SQLite binds. */
function bindable(parameters: ReadonlyArray<unknown>): SQLInputValue[] {
  return parameters as SQLInputValue[]
}

import {
  type CompiledQuery,
  type DatabaseConnection,
  type DataTypeNode,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import type { ClientBase } from 'pg'
import type { Database } from '../sql/schema.ts'

/** Statements prepared on each connection; port methods make a few hundred different texts at most. Others are sent whole each time. */
const STATEMENTS_NAMED_MAX = 512

const adapter = new PostgresAdapter()

/** Statements whose best plan depends on their values. After a few runs the server would settle on one for all of them. */
const PLANNED_EACH_TIME = /\blimit \$/

/** Names of prepared statements, the same on every connection of a store. */
export class StatementNames {
  readonly #names = new Map<string, string>()

  /** Null: to be sent whole, and planned anew. */
  of(text: string): string | null {
    const known = this.#names.get(text)
    if (known !== undefined) return known
    if (this.#names.size >= STATEMENTS_NAMED_MAX || PLANNED_EACH_TIME.test(text)) return null
    const name = `s${this.#names.size}`
    this.#names.set(text, name)
    return name
  }
}

/** kysely over one connection. Transactions are the caller's business, not kysely's. */
export function queriesOver<Tables = Database>(client: ClientBase, names: StatementNames | null): Kysely<Tables> {
  const connection = new ClientConnection(client, names)
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => adapter,
      createDriver: () => driverOver(connection),
      createQueryCompiler: () => new Compiler(),
      createIntrospector: (db) => new PostgresIntrospector(db),
    },
  })
}

/** What our portable schema calls a blob is a bytea here. */
class Compiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    if (node.dataType === 'blob') this.append('bytea')
    // Text is ids, codes and JSON: compared byte by byte as on every engine, and its indexes do not depend on the system's locale,
    // whose next version would find other rows in them.
    else if (node.dataType === 'text') this.append('text collate "C"')
    else super.visitDataType(node)
  }
}

class ClientConnection implements DatabaseConnection {
  readonly #client: ClientBase
  readonly #names: StatementNames | null

  constructor(client: ClientBase, names: StatementNames | null) {
    this.#client = client
    this.#names = names
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const name = this.#names?.of(sql) ?? null
    const { command, rowCount, rows } = await this.#client.query({
      ...(name === null ? {} : { name }),
      text: sql,
      values: parameters.map(bindable),
    })
    const isChange = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE'
    return {
      rows: rows as R[], // kysely knows what it selected.
      ...(isChange ? { numAffectedRows: BigInt(rowCount ?? 0) } : {}),
    }
  }

  streamQuery(): never {
    throw new Error('the store does not stream')
  }
}

/**
 * PostgreSQL keeps no U+0000 in text and refuses the statement. Strangers send one now and then; it becomes U+FFFD, as unpaired surrogates do
 * on every engine, so that looking for such a text finds nothing instead of failing.
 */
function bindable(parameter: unknown): unknown {
  return typeof parameter === 'string' && parameter.includes('\0') ? parameter.replaceAll('\0', '\ufffd') : parameter
}

function driverOver(connection: DatabaseConnection): Driver {
  const notOurs = async () => {
    throw new Error('transactions are begun by the store, not by kysely')
  }
  return {
    init: async () => undefined,
    acquireConnection: async () => connection,
    beginTransaction: notOurs,
    commitTransaction: notOurs,
    rollbackTransaction: notOurs,
    releaseConnection: async () => undefined,
    destroy: async () => undefined,
  }
}

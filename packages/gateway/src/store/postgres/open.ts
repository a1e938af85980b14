import type { Secret } from '#core/secret.ts'
import { StoreFailure } from '../errors.ts'
import type { PostgresSettings } from '../ports/settings.ts'
import type { Store } from '../ports/store.ts'
import { PORT_METHODS, type Ports } from '../sql/ports.ts'
import { appendTogether } from './append-together.ts'
import { clientConfig } from './client-config.ts'
import { Connections, type Session } from './connections.ts'
import { FeedConnection } from './feed-connection.ts'
import { Leads } from './leads.ts'
import { migratePostgres } from './migrate.ts'
import { look, write } from './run-call.ts'
import { turnsOf } from './turns.ts'

export interface PostgresStoreOptions {
  readonly settings: PostgresSettings
  /** Asked for each new connection. Absent: the one of the settings, for good. */
  readonly password?: () => Secret | null
  /** Told what the operator should change about the server, each thing once. */
  readonly warn?: (message: string) => void
}

/**
 * Opens the store on a PostgreSQL server and brings its schema up to date. Others may have it open at the same time.
 * @throws StoreTooNew, StoreUnsafe, StoreUnavailable, StoreFailure
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { settings, password = () => settings.password } = options
  const warn = once(options.warn ?? (() => undefined))
  const config = clientConfig(settings, password)
  await migratePostgres(config, settings, warn)
  const connections = new Connections(config, settings, warn)
  const feed = new FeedConnection(config, settings, warn)
  const leads = new Leads(config, settings, warn)
  let isClosed = false
  const ports = portsOver(connections, () => isClosed)
  const appends = appendTogether((entries, writer) =>
    write(connections, 'audit.append', (session) => session.ports.audit.append(entries, writer)),
  )
  return {
    ...ports,
    audit: { ...ports.audit, append: appends.append },
    feed,
    hints: feed,
    leads,
    turns: turnsOf(config, settings, warn),
    // A server that is away may come back, and every call tries anew.
    lost: new Promise(() => undefined),
    close: async () => {
      isClosed = true
      await appends.close()
      await connections.close()
      await Promise.all([feed.close(), leads.close()])
    },
  }
}

function portsOver(connections: Connections, isClosed: () => boolean): Ports {
  const ports = Object.entries(PORT_METHODS).map(([port, methods]) => [
    port,
    Object.fromEntries(
      Object.entries(methods).map(([method, kind]) => {
        const run = kind === 'looks' ? look : write
        const call =
          (...args: unknown[]) =>
          (session: Session) =>
            methodOf(session.ports, port, method)(...args)
        const runOpen = async (...args: unknown[]) => {
          if (isClosed()) throw new StoreFailure('the store is closed')
          return run(connections, `${port}.${method}`, call(...args))
        }
        return [method, runOpen]
      }),
    ),
  ])
  // PORT_METHODS names every port and method of Ports (the compiler checks it there), and each calls the method of its own name.
  return Object.fromEntries(ports) as Ports
}

function methodOf(ports: Ports, port: string, method: string): (...args: unknown[]) => Promise<unknown> {
  const methods = ports[port as keyof Ports] as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const found = methods[method]
  if (found === undefined) throw new Error(`no method ${port}.${method}`)
  return found
}

function once(warn: (message: string) => void): (message: string) => void {
  const said = new Set<string>()
  return (message) => {
    if (said.has(message)) return
    said.add(message)
    warn(message)
  }
}

import { type ClientConfig, Pool, type PoolClient } from 'pg'
import { StoreFailure } from '../errors.ts'
import type { PostgresSettings } from '../ports/settings.ts'
import { createPorts, type Ports } from '../sql/ports.ts'
import { isConnectionSound } from './failures.ts'
import { lockKey } from './lock-key.ts'
import { prepareSession } from './prepare-session.ts'
import { queriesOver, StatementNames } from './queries.ts'
import { Slots } from './slots.ts'

/** Calls waiting for a connection. Beyond it calls are refused, so that a slow server cannot fill the memory. */
const CALLS_WAITING_MAX = 4_096
/** A call that waits longer for a connection is refused. */
const CONNECTION_WAIT_MS = 5_000
/** An idle connection is given back to the server after this long. */
const IDLE_MS = 30_000
/** Now and then a connection is made anew: after a failover behind a name, none stays where it was. */
const CONNECTION_LIFE_SECONDS = 1_800

/** One connection at work, and the ports over it. */
export interface Session {
  readonly client: PoolClient
  readonly ports: Ports
}

/** The connections that serve calls: a bounded number, each made ready before its first use and thrown away after a fault. */
export class Connections {
  /** Advisory lock of the transactions that lost against others and are begun again. */
  readonly losersLock: string
  readonly #pool: Pool
  readonly #slots: Slots
  readonly #settings: PostgresSettings
  readonly #warn: (message: string) => void
  readonly #names = new StatementNames()
  readonly #ready = new WeakMap<PoolClient, Session>()
  #closing: Promise<void> | null = null

  constructor(config: ClientConfig, settings: PostgresSettings, warn: (message: string) => void) {
    this.losersLock = lockKey(settings, 'losers')
    this.#settings = settings
    this.#warn = warn
    const slots = settings.connectionsMax
    this.#slots = new Slots({ slots, waitingMax: CALLS_WAITING_MAX, waitMs: CONNECTION_WAIT_MS })
    this.#pool = new Pool({
      ...config,
      max: slots,
      idleTimeoutMillis: IDLE_MS,
      // A process that has nothing else to do may end, whatever a vanished server still owes it.
      allowExitOnIdle: true,
      maxLifetimeSeconds: CONNECTION_LIFE_SECONDS,
    })
    // A connection that ends while idle is gone from the pool, which is all there is to do. Without a listener it would end the process;
    // the same holds for one at work, whose query rejects anyway.
    this.#pool.on('error', () => undefined)
    this.#pool.on('connect', (client) => client.on('error', () => undefined))
  }

  /** Hands `work` a connection of its own. Whatever it rejects with, a connection that may be in an unknown state is not used again. */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    if (this.#closing !== null) throw new StoreFailure('the store is closed')
    return this.#slots.in(async () => {
      const client = await this.#pool.connect()
      let fault: Error | null = null
      try {
        return await work(await this.#session(client))
      } catch (cause) {
        if (!isConnectionSound(cause)) fault = cause instanceof Error ? cause : new Error('unknown fault', { cause })
        throw cause
      } finally {
        client.release(fault ?? false)
      }
    })
  }

  /** Calls already made are finished and answered; later ones are refused. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#slots.idle().then(() => this.#pool.end())
    return this.#closing
  }

  async #session(client: PoolClient): Promise<Session> {
    const known = this.#ready.get(client)
    if (known !== undefined) return known
    const statementTimeoutMs = this.#settings.statementTimeoutSeconds * 1000
    await prepareSession(client, this.#settings, { statementTimeoutMs }, this.#warn)
    const session: Session = { client, ports: createPorts(queriesOver(client, this.#names)) }
    this.#ready.set(client, session)
    return session
  }
}

import { Client, type ClientConfig } from 'pg'
import type { TenantId } from '#core/ids.ts'
import { StoreFailure, StoreUnavailable } from '../errors.ts'
import type { Lead, LeadsPort } from '../ports/leads.ts'
import type { PostgresSettings } from '../ports/settings.ts'
import { createAudit } from '../sql/audit.ts'
import { endClient } from './end-client.ts'
import { toStoreError } from './failures.ts'
import { lockKey } from './lock-key.ts'
import { prepareSession } from './prepare-session.ts'
import { queriesOver } from './queries.ts'
import { inTransaction } from './run-call.ts'

/** A leader that says nothing for so long has vanished: the server ends its session, and another may lead. */
const SILENCE_MS = 15_000

/**
 * Leads as session locks of the server (pg_advisory_lock), one connection each. Everything under a lead goes over the very connection that
 * holds the lock: when the server has given the lock to somebody else, that connection is dead and nothing can be done with it.
 * A process that is killed loses its connection, and with it the lead, at once.
 */
export class Leads implements LeadsPort {
  readonly #config: ClientConfig
  readonly #settings: PostgresSettings
  readonly #warn: (message: string) => void
  /** Connections that wait for a lead or hold one; there are as many as tenants. */
  readonly #candidates = new Map<TenantId, Promise<Client>>()
  #isClosed = false

  constructor(config: ClientConfig, settings: PostgresSettings, warn: (message: string) => void) {
    this.#config = config
    this.#settings = settings
    this.#warn = warn
  }

  async tryLead(tenant: TenantId): Promise<Lead | null> {
    if (this.#isClosed) throw new StoreFailure('the store is closed')
    const candidate = this.#candidates.get(tenant) ?? this.#connect(tenant)
    this.#candidates.set(tenant, candidate)
    try {
      const client = await candidate
      const { rows } = await client.query<{ is_mine: boolean }>('select pg_try_advisory_lock($1::bigint) as is_mine', [
        lockKey(this.#settings, `lead ${tenant}`),
      ])
      return rows[0]?.is_mine === true ? this.#leadOver(client, tenant) : null
    } catch (cause) {
      await this.#drop(tenant, candidate)
      throw toStoreError(cause, 'leads.tryLead')
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#candidates.keys()].map((tenant) => this.#drop(tenant)))
  }

  #leadOver(client: Client, tenant: TenantId): Lead {
    // Nothing prepared: how to find the newest records is planned by how many there are, not by how many there once were.
    const audit = createAudit(queriesOver(client, null))
    let isHeld = true
    const end = async () => {
      isHeld = false
      await this.#drop(tenant)
    }
    client.once('end', () => {
      isHeld = false
    })
    const under = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      if (!isHeld) throw new StoreUnavailable('somebody else may give places in the log by now')
      try {
        return await inTransaction(client, work)
      } catch (cause) {
        // Whatever it was: who begins anew, with a new connection, holds the lead for sure or does not.
        await end()
        throw toStoreError(cause, what)
      }
    }
    return {
      get isHeld() {
        return isHeld
      },
      sequence: (max) => under('audit.sequence', () => audit.sequence(tenant, max)),
      addCheckpoint: (checkpoint) => under('audit.addCheckpoint', () => audit.addCheckpoint(checkpoint)),
      release: end,
    }
  }

  async #connect(tenant: TenantId): Promise<Client> {
    const client = new Client(this.#config)
    client.on('error', () => undefined)
    // One that has ended is of no use to the next try.
    client.once('end', () => void this.#forget(tenant, client))
    try {
      await client.connect()
      const statementTimeoutMs = this.#settings.statementTimeoutSeconds * 1000
      await prepareSession(
        client,
        this.#settings,
        { statementTimeoutMs, idleTimeoutMs: Math.max(SILENCE_MS, 2 * statementTimeoutMs) },
        this.#warn,
      )
      return client
    } catch (cause) {
      await endClient(client)
      throw cause
    }
  }

  async #forget(tenant: TenantId, ended: Client): Promise<void> {
    const candidate = this.#candidates.get(tenant)
    const client = await candidate?.catch(() => null)
    if (client === ended && this.#candidates.get(tenant) === candidate) this.#candidates.delete(tenant)
  }

  async #drop(tenant: TenantId, candidate = this.#candidates.get(tenant)): Promise<void> {
    if (this.#candidates.get(tenant) === candidate) this.#candidates.delete(tenant)
    await candidate?.then(endClient).catch(() => undefined)
  }
}

import { Client, type ClientConfig } from 'pg'
import type { PostgresSettings } from '../ports/settings.ts'
import type { TurnsPort } from '../ports/turns.ts'
import { endClient } from './end-client.ts'
import { toStoreError } from './failures.ts'
import { lockKey } from './lock-key.ts'
import { prepareSession } from './prepare-session.ts'

/**
 * Turns as a session lock of the server, each on a connection of its own: they are rare, and must not wait for the connections that serve
 * calls, which the work itself needs. If that connection is lost meanwhile, somebody else may take their turn before the work is done.
 */
export function turnsOf(config: ClientConfig, settings: PostgresSettings, warn: (message: string) => void): TurnsPort {
  return {
    take: async (work) => {
      const client = new Client(config)
      client.on('error', () => undefined)
      try {
        try {
          await client.connect()
          // The wait for the turn is a statement like any other, and ends with its patience.
          const statementTimeoutMs = settings.statementTimeoutSeconds * 1000
          await prepareSession(client, settings, { statementTimeoutMs }, warn)
          await client.query('select pg_advisory_lock($1::bigint)', [lockKey(settings, 'turns')])
        } catch (cause) {
          throw toStoreError(cause, 'turns.take')
        }
        return await work()
      } finally {
        await endClient(client)
      }
    },
  }
}

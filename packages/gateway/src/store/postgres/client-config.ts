import type { ClientConfig } from 'pg'
import type { Secret } from '#core/secret.ts'
import type { PostgresSettings } from '../ports/settings.ts'
import { typeParsers } from './type-parsers.ts'

const APPLICATION = 'sallyport'
/** Beyond the server's own limit, for a network that swallows the answer. */
const ANSWER_MARGIN_MS = 2_000
const KEEP_ALIVE_AFTER_MS = 10_000

/**
 * What the driver is told. Everything is said, so that nothing is taken from the environment (PGHOST, PGPASSWORD, ~/.pgpass).
 * `password` is asked for each new connection: a rotated one is taken up without a restart.
 */
export function clientConfig(settings: PostgresSettings, password: () => Secret | null): ClientConfig {
  const { host, port, user, database, tls } = settings
  return {
    host,
    port,
    user,
    database,
    password: () => password()?.reveal() ?? '',
    application_name: APPLICATION,
    client_encoding: 'UTF8',
    // Nothing, said so that PGOPTIONS is not asked.
    options: ' ',
    // The driver checks the server's name and chain, as nothing here says otherwise.
    ssl:
      tls === null
        ? false
        : {
            minVersion: 'TLSv1.2',
            ...(tls.authority === null ? {} : { ca: tls.authority }),
            ...(tls.certificate === null ? {} : { cert: tls.certificate }),
            ...(tls.privateKey === null ? {} : { key: tls.privateKey.reveal() }),
          },
    // RFC 5929: the proof of the password is bound to this TLS connection, where the server offers it.
    enableChannelBinding: tls !== null,
    connectionTimeoutMillis: settings.connectTimeoutSeconds * 1000,
    query_timeout: settings.statementTimeoutSeconds * 1000 + ANSWER_MARGIN_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    types: typeParsers,
  }
}

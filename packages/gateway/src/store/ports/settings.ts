import type { Secret } from '#core/secret.ts'

/** Which engine keeps the state, and where. */
export type StoreSettings = { readonly kind: 'sqlite' } | ({ readonly kind: 'postgres' } & PostgresSettings)

/** A PostgreSQL server, one database on it, and one schema in that. */
export interface PostgresSettings {
  /** Name, address, or the folder of a Unix socket when it begins with a slash. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: Secret | null
  /** `[a-z_][a-z0-9_]{0,47}`. All tables are in it, so that one database can hold several gateways. */
  readonly schema: string
  /** Null: no TLS at all. There is no TLS without a checked certificate. */
  readonly tls: PostgresTls | null
  /** Connections that serve calls; two more follow the feed and give places in the audit log. */
  readonly connectionsMax: number
  readonly connectTimeoutSeconds: number
  readonly statementTimeoutSeconds: number
}

/** PEM texts. The server's name is checked against its certificate in any case. */
export interface PostgresTls {
  /** Whom we believe; null: the authorities that Node.js comes with. */
  readonly authority: string | null
  readonly certificate: string | null
  readonly privateKey: Secret | null
}

export const SCHEMA_PATTERN: RegExp = /^[a-z_][a-z0-9_]{0,47}$/

import { createHash } from 'node:crypto'
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

const SCHEMA_CHARACTERS_MAX = 48
/** A tenant gets by with fewer: there may be many of them, and the server's connections are all tenants' together. */
const TENANT_CONNECTIONS_MAX = 4

/**
 * The schema of a tenant in the database of the gateway: its tables, locks and notifications are called after it, so those of two tenants never meet. The
 * name follows from the tenant's alone: `{schema}_t_{tenant}`, or with a digest where that is too long for an identifier.
 */
export function tenantSchemaOf<T extends PostgresSettings>(settings: T, tenant: string): T {
  const plain = `${settings.schema}_t_${tenant.replaceAll('-', '_')}`
  const digest = createHash('sha256').update(`${settings.schema} ${tenant}`).digest('hex')
  // The one kind ends before the length at which the other always is.
  const schema = plain.length < SCHEMA_CHARACTERS_MAX ? plain : `${plain.slice(0, 15)}_${digest.slice(0, 32)}`
  return { ...settings, schema, connectionsMax: Math.min(settings.connectionsMax, TENANT_CONNECTIONS_MAX) }
}

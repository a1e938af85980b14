import { asTenantId, type TenantId } from '#core/ids.ts'

/** `/t/{tenant}` and what is below. */
const BELOW = /^\/t\/([a-z0-9-]{1,63})(?=\/|$)/
/** RFC 8414 §3.1, RFC 9728 §3.1: the well-known part stands before the path of the issuer or resource. */
const WELL_KNOWN =
  /^(\/\.well-known\/(?:oauth-authorization-server|openid-configuration|oauth-protected-resource))\/t\/([a-z0-9-]{1,63})(?=\/|$)/

export interface TenantPath {
  readonly tenant: TenantId
  /** The path as it would be at a gateway that this tenant had to itself. */
  readonly path: string
}

/**
 * Whose path it is, by the path alone; null: the gateway's own. The listener has refused every path with two readings, and names are compared
 * as sent: one spelling, no percent-encoding, no capitals.
 */
export function readTenantPath(path: string): TenantPath | null {
  const wellKnown = WELL_KNOWN.exec(path)
  const [whole, ...parts] = wellKnown ?? BELOW.exec(path) ?? []
  const name = parts.at(-1)
  if (whole === undefined || name === undefined) return null
  const before = wellKnown === null ? '' : (parts[0] ?? '')
  const rest = path.slice(whole.length)
  return { tenant: asTenantId(name), path: `${before}${rest}` || '/' }
}

import { asTenantId, type TenantId } from './ids.ts'

const TENANT_PATH = '/t/'

/**
 * The two parts of an issuer identifier of ours: `P`, or `P/t/{tenant}`. Both forms have one spelling, which the configuration was
 * held to, so nothing is parsed here.
 */
export function originOf(issuer: string): string {
  return issuer.split('/', 3).join('/')
}

/** What every path of the issuer begins with: empty, or `/t/{tenant}`. */
export function pathOf(issuer: string): string {
  return issuer.slice(originOf(issuer).length)
}

/** The tenant that the issuer is of; undefined: none, it is the gateway's own. */
export function tenantOf(issuer: string): TenantId | undefined {
  const path = pathOf(issuer)
  return path === '' ? undefined : asTenantId(path.slice(TENANT_PATH.length))
}

/** The issuer of a tenant of the gateway at this origin. */
export function tenantIssuer(origin: string, tenant: string): string {
  return `${origin}${TENANT_PATH}${tenant}`
}

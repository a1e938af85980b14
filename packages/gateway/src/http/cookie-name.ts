import type { HttpExchange } from './exchange.ts'

/**
 * A cookie's name at the place where a request arrived. Cookies with the prefix `__Host-` hold for a whole host, so the tenants of one host are told
 * apart by name: no tenant has a `_` in its name, and none of ours has one, so no two are the same.
 */
export function cookieName(name: string, tenant: HttpExchange['tenant']): string {
  return tenant === undefined ? name : `${name}_${tenant}`
}

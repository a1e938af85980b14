import { join } from 'node:path'

/** Where a tenant's state is, below the gateway's. The name has been checked: it is no path. */
export function tenantStateDir(stateDir: string, tenant: string): string {
  return join(stateDir, 'tenants', tenant)
}

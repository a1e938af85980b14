import type { ClientId, TenantId } from '#core/ids.ts'
import { Secret } from '#core/secret.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { StoredClient } from '#store/ports/clients.ts'

/** Binds a sealed secret to its place, so that one client's secret moved to another's row does not open. */
export function clientSecretContext(tenant: TenantId, clientId: ClientId): string {
  return `${tenant}|client-secret|${clientId}`
}

export function openClientSecret(client: StoredClient, sealer: Sealer): Secret | null {
  if (client.sealedSecret === null) return null
  const context = clientSecretContext(client.tenant, client.clientId)
  return new Secret(new TextDecoder().decode(sealer.open(client.sealedSecret, context)))
}

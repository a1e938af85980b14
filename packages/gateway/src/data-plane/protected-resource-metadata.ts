import { asServerId, NAME_PATTERN } from '#core/ids.ts'
import type { ProtectedResource, ServerEntry, Snapshot, SnapshotSource } from '#core/snapshot.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { sendJson } from '#http/respond.ts'
import { DPOP_ALGORITHMS } from '#identity/sender/dpop-proof.ts'
import { ADMIN_API_PATH, adminApi } from '#policy/admin-api.ts'
import { baselineScopes } from '#policy/decide.ts'
import { advertisedScopes } from '#policy/external-scopes.ts'
import { senderRuleOf } from '#policy/sender-rules.ts'

const PATH = '/.well-known/oauth-protected-resource'
/** Short, so that a changed baseline reaches clients soon. */
const CACHE_CONTROL = 'public, max-age=300'

/** RFC 9728 §2. */
export interface ProtectedResourceMetadataWire {
  readonly resource: string
  readonly authorization_servers: readonly string[]
  readonly scopes_supported: readonly string[]
  readonly bearer_methods_supported: readonly ['header']
  readonly dpop_signing_alg_values_supported: readonly string[]
  readonly dpop_bound_access_tokens_required: boolean
  readonly tls_client_certificate_bound_access_tokens?: true
  readonly resource_name: string
}

/**
 * RFC 9728 §3.1: one document per server, at the path-inserted form. The root form exists while there is exactly one server: with more it
 * could only name a wrong one. One more for the admin API, which clients of MCP servers never need: the root form does not know it.
 * Nothing in a request changes what is answered.
 */
export function createProtectedResourceMetadata({ snapshots }: { readonly snapshots: SnapshotSource }): {
  readonly routes: Route[]
} {
  const routes: Route[] = [
    {
      method: 'GET',
      path: `${PATH}/mcp/:server`,
      handler: async (exchange, parameters) => {
        const snapshot = snapshots.current()
        answer(exchange, findServer(parameters['server'] ?? '', exchange.path, snapshot), snapshot)
      },
    },
    {
      method: 'GET',
      path: `${PATH}${ADMIN_API_PATH}`,
      handler: async (exchange) => {
        const snapshot = snapshots.current()
        answer(exchange, adminApi(snapshot), snapshot)
      },
    },
    {
      method: 'GET',
      path: PATH,
      handler: async (exchange) => {
        const snapshot = snapshots.current()
        answer(exchange, onlyServer(snapshot), snapshot)
      },
    },
  ]
  return { routes }
}

/** Pure. `scopes_supported` is the baseline, not the catalogue (MCP authorization §Scope Selection); `offline_access` is never in it. */
export function protectedResourceMetadata(
  server: ProtectedResource,
  snapshot: Snapshot,
): ProtectedResourceMetadataWire {
  const entry = snapshot.servers.get(server.id)
  const external = entry?.external == null ? null : { server: entry, issuer: entry.external.issuer }
  return {
    resource: server.resource,
    authorization_servers: [external === null ? snapshot.publicUrl : external.issuer.issuer],
    scopes_supported: external === null ? baselineScopes(server) : advertisedScopes(external.server),
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    dpop_bound_access_tokens_required: senderRuleOf(server, snapshot) === 'dpop',
    ...(snapshot.mutualTls === null ? {} : { tls_client_certificate_bound_access_tokens: true }),
    resource_name: server.title,
  }
}

function answer(exchange: HttpExchange, server: ProtectedResource | null, snapshot: Snapshot): void {
  if (server === null) {
    sendJson(exchange.response, 404, { error: 'not_found', requestId: exchange.requestId })
    return
  }
  sendJson(exchange.response, 200, protectedResourceMetadata(server, snapshot), { 'cache-control': CACHE_CONTROL })
}

/** The path must spell the id as the resource identifier does: no percent-encoding. */
function findServer(id: string, path: string, snapshot: Snapshot): ServerEntry | null {
  if (!NAME_PATTERN.test(id) || !path.endsWith(`/mcp/${id}`)) return null
  return snapshot.servers.get(asServerId(id)) ?? null
}

function onlyServer(snapshot: Snapshot): ServerEntry | null {
  const [server, ...rest] = snapshot.servers.values()
  return server !== undefined && rest.length === 0 ? server : null
}

import type { ProtectedResource, ServerEntry, Snapshot } from '#core/snapshot.ts'
import { findProtectedResource, issuesHere } from '#policy/admin-api.ts'
import { parseScope } from '#policy/scopes.ts'

/**
 * The configured server, or the admin API, that a `resource` value (RFC 8707 §2) means, or null. Clients write our identifier with a trailing slash, other
 * case or the default port; all of these are the same resource, and tokens always carry our own spelling of it. Anything else, a query
 * or user information included, means nothing here.
 */
export function resourceOf(resource: string, snapshot: Snapshot): ProtectedResource | null {
  const url = URL.parse(resource)
  if (url === null || url.search !== '' || resource.includes('#') || url.username !== '' || url.password !== '')
    return null
  // Server ids are lower case only, so lower-casing the path cannot make two servers one.
  const path = url.pathname.toLowerCase()
  const spelling = `${url.protocol}//${url.host}${path.endsWith('/') ? path.slice(0, -1) : path}`
  return findProtectedResource(spelling, snapshot)
}

/**
 * The server that a request without `resource` means (2025-03-26 clients send none): the one that all known scopes name, else the only
 * one configured. Null when that leaves a choice: guessing would mint a token for a server that nobody asked for.
 * The admin API is never meant this way: whoever wants to administer the gateway has to say so.
 */
export function serverOfScopes(scopes: readonly string[], snapshot: Snapshot): ServerEntry | null {
  const named = new Set<ServerEntry>()
  for (const text of scopes) {
    const scope = parseScope(text)
    const server = scope === null ? undefined : snapshot.servers.get(scope.server)
    if (server !== undefined && issuesHere(server)) named.add(server)
  }
  const candidates = named.size > 0 ? [...named] : [...snapshot.servers.values()].filter(issuesHere)
  return candidates.length === 1 ? (candidates[0] ?? null) : null
}

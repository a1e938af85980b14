import type { ProtectedResource } from '#core/snapshot.ts'
import { ADMIN_API_CLASSES, isAdminApi } from '#policy/admin-api.ts'
import { baselineScopes } from '#policy/decide.ts'
import { allClassScopes, parseScope, printClassScope, printToolScope } from '#policy/scopes.ts'

/** Scope values that nobody knows are shown on the consent page; a client cannot fill it with them. */
const UNKNOWN_SCOPES_MAX = 20

export interface RequestedScopes {
  /** Known scopes of the server, each once; the baseline if the client named none of them. */
  readonly known: readonly string[]
  /** Dropped values: unknown, or of another server. */
  readonly unknown: readonly string[]
}

/**
 * Splits what a client asked for into scopes of this server and the rest. Values such as `openid` or `offline_access` mean nothing to a
 * tool call, so they are dropped rather than refused: clients send them from habit (RFC 6749 §3.3 lets us ignore them).
 */
export function requestedScopes(asked: readonly string[], server: ProtectedResource): RequestedScopes {
  const known = asked.filter((text) => isScopeOf(text, server))
  const unknown = asked.filter((text) => !isScopeOf(text, server)).slice(0, UNKNOWN_SCOPES_MAX)
  return { known: known.length > 0 ? known : baselineScopes(server), unknown }
}

/** Whether the text is a scope that this server has: one of its classes, or a tool that the operator gave a scope of its own. */
export function isScopeOf(text: string, server: ProtectedResource): boolean {
  const scope = parseScope(text)
  if (scope === null || scope.server !== server.id) return false
  if (scope.kind === 'class') return !isAdminApi(server) || ADMIN_API_CLASSES.includes(scope.toolClass)
  return server.toolScopes.has(scope.tool)
}

/** Every scope that a token for this server could carry, whoever asks. */
export function allScopesOf(server: ProtectedResource): string[] {
  if (isAdminApi(server)) return ADMIN_API_CLASSES.map((toolClass) => printClassScope(server.id, toolClass))
  return [...allClassScopes(server.id), ...[...server.toolScopes].map((tool) => printToolScope(server.id, tool))]
}

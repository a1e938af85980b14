import { isServiceSubject } from '#core/service-subject.ts'
import type { ProtectedResource, RolePolicy, Snapshot } from '#core/snapshot.ts'
import { TOOL_CLASSES, type ToolClass } from '#core/tool-classes.ts'
import { ADMIN_ROLE_CLASS, isAdminApi } from './admin-api.ts'
import { classContains, printClassScope, printToolScope, scopesCover } from './scopes.ts'
import { serviceAllows, servicesOf } from './services.ts'

export type Decision =
  | { readonly kind: 'permit' }
  /** The role allows it, the token does not: step up with this full set (held scopes included, so that clients that do not merge lose nothing). */
  | { readonly kind: 'scopesMissing'; readonly scopes: readonly string[] }
  | { readonly kind: 'roleForbids' }

export interface DecisionRequest {
  readonly server: ProtectedResource
  readonly roles: readonly string[]
  readonly scopes: readonly string[]
  readonly toolClass: ToolClass
  /** Null for requests that are not about one tool. */
  readonly tool: string | null
}

/** Pure. Roles are the live ones of the subject; scopes are those of the token. Both must agree, else no. */
export function decide(request: DecisionRequest, snapshot: Snapshot): Decision {
  const { server, roles, scopes, toolClass, tool } = request
  if (!roleAllows(snapshot, roles, server, toolClass, tool)) return { kind: 'roleForbids' }
  if (scopesCover(scopes, server.id, toolClass, tool)) return { kind: 'permit' }
  const needed =
    tool !== null && server.toolScopes.has(tool)
      ? printToolScope(server.id, tool)
      : printClassScope(server.id, toolClass)
  return { kind: 'scopesMissing', scopes: [...new Set([...scopes, needed])] }
}

/**
 * Whether any of the roles allows this class on this server, or this one tool of it: roles of people go by class, but a service may hold a
 * scope of one tool. An unknown role allows nothing.
 */
export function roleAllows(
  snapshot: Snapshot,
  roles: readonly string[],
  server: ProtectedResource,
  toolClass: ToolClass,
  tool: string | null = null,
): boolean {
  for (const name of roles) {
    const role = snapshot.roles.get(name)
    if (role === undefined) {
      const service = isServiceSubject(name) ? servicesOf(snapshot).get(name) : undefined
      if (service !== undefined && serviceAllows(service, server, toolClass, tool)) return true
      continue
    }
    for (const held of classesOf(role, server)) if (classContains(held, toolClass)) return true
  }
  return false
}

/** Whether the roles allow anything at all here. */
export function allowsAnything(snapshot: Snapshot, roles: readonly string[], server: ProtectedResource): boolean {
  return TOOL_CLASSES.some((toolClass) => roleAllows(snapshot, roles, server, toolClass))
}

/** Every scope of this server that the roles allow: what consent may offer and a token may carry. */
export function scopesAllowed(snapshot: Snapshot, roles: readonly string[], server: ProtectedResource): string[] {
  const classes = TOOL_CLASSES.filter((toolClass) => roleAllows(snapshot, roles, server, toolClass))
  const scopes = classes.map((toolClass) => printClassScope(server.id, toolClass))
  for (const tool of server.toolScopes) {
    const toolClass = server.toolClasses.get(tool)
    if (toolClass !== undefined && classes.includes(toolClass)) scopes.push(printToolScope(server.id, tool))
  }
  return scopes
}

/** The scopes a server challenges and advertises to clients that name none. */
export function baselineScopes(server: ProtectedResource): string[] {
  return server.baselineClasses.map((toolClass) => printClassScope(server.id, toolClass))
}

function classesOf(role: RolePolicy, server: ProtectedResource): Iterable<ToolClass> {
  // `allow` is about MCP servers; `*` there does not reach the gateway itself.
  if (isAdminApi(server)) return role.admin === null ? [] : [ADMIN_ROLE_CLASS[role.admin]]
  return role.allow.get(server.id) ?? role.allow.get('*') ?? NO_CLASSES
}

const NO_CLASSES: readonly ToolClass[] = []

import { asServerId, type ServerId } from '#core/ids.ts'
import type { AdminRole, ProtectedResource, ServerEntry, Snapshot } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'

/** The path of the admin API, and the last part of its resource identifier `P/api/v1`. */
export const ADMIN_API_PATH = '/api/v1'
/** What stands before the colon of its scopes, and in the records of its grants. No configured server may have it. */
export const ADMIN_API_ID: ServerId = asServerId('api')
/** The admin API has two scopes: `api:read` and `api:write`, which contains it. */
export const ADMIN_API_CLASSES: readonly ToolClass[] = ['read', 'write']

/**
 * The widest class that an admin role can be given a scope for: `write` only where the role changes something (a contract test holds
 * this to the permission matrix of the admin API). An auditor's token changes nothing, the auditor's own grants included: what watches
 * must not be able to act.
 */
export const ADMIN_ROLE_CLASS: Readonly<Record<AdminRole, ToolClass>> = {
  operator: 'write',
  approver: 'write',
  auditor: 'read',
  user: 'write',
}

/** The gateway's own admin API as something that tokens can be for. It is no MCP server, and in no snapshot. */
export function adminApi({ publicUrl }: Pick<Snapshot, 'publicUrl'>): ProtectedResource {
  return {
    id: ADMIN_API_ID,
    title: 'Sallyport admin API',
    description: '',
    resource: `${publicUrl}${ADMIN_API_PATH}`,
    baselineClasses: ['read'],
    toolClasses: new Map(),
    toolScopes: new Set(),
  }
}

export function isAdminApi(resource: ProtectedResource): boolean {
  return resource.id === ADMIN_API_ID
}

/** Everything that a token of ours can be for: the configured servers, but for those that others issue tokens for, and the admin API. */
export function protectedResources(snapshot: Pick<Snapshot, 'publicUrl' | 'servers'>): readonly ProtectedResource[] {
  return [...[...snapshot.servers.values()].filter(issuesHere), adminApi(snapshot)]
}

/** The one with exactly this identifier, or null. */
export function findProtectedResource(
  identifier: unknown,
  snapshot: Pick<Snapshot, 'publicUrl' | 'servers'>,
): ProtectedResource | null {
  return protectedResources(snapshot).find(({ resource }) => resource === identifier) ?? null
}

/** Whether tokens for this server are ours, and not of an authorization server elsewhere. */
export function issuesHere({ external }: ServerEntry): boolean {
  return external === undefined || external === null
}

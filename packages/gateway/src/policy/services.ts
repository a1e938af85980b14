import type { ClientId, SubjectId } from '#core/ids.ts'
import { serviceSubject } from '#core/service-subject.ts'
import type { ProtectedResource, Snapshot } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import { allClassScopes, classContains, parseScope, printToolScope, scopesCover } from './scopes.ts'

/** A program that speaks for itself. It has no account and no roles: what it may do is what the configuration says of it, now. */
export interface Service {
  readonly subject: SubjectId
  readonly name: string
  readonly clientId: ClientId
  readonly scopes: readonly string[]
}

type Configured = Pick<Snapshot, 'clients' | 'trustedIssuers'>

const known = new WeakMap<Configured, ReadonlyMap<string, Service>>()

/** By subject. Worked out once per configuration. */
export function servicesOf(snapshot: Configured): ReadonlyMap<string, Service> {
  const kept = known.get(snapshot)
  if (kept !== undefined) return kept
  const services = new Map<string, Service>()
  const speaking = [...snapshot.clients.values()].filter(({ grantTypes }) => grantTypes.includes('client_credentials'))
  const workloads = (snapshot.trustedIssuers ?? []).flatMap((issuer) => issuer.workloads)
  for (const { clientId, name, scopes } of [...speaking, ...workloads]) {
    const subject = serviceSubject(clientId)
    services.set(subject, { subject, name, clientId, scopes })
  }
  known.set(snapshot, services)
  return services
}

/** Whether the service may use tools of this class here; with `tool`, this very tool, else any of the class. */
export function serviceAllows(
  { scopes }: Pick<Service, 'scopes'>,
  server: ProtectedResource,
  toolClass: ToolClass,
  tool: string | null,
): boolean {
  if (scopesCover(scopes, server.id, toolClass, tool)) return true
  if (tool !== null) return false
  return scopes.some((text) => {
    const scope = parseScope(text)
    if (scope?.kind !== 'tool' || scope.server !== server.id) return false
    const held = server.toolClasses.get(scope.tool)
    return held !== undefined && classContains(held, toolClass)
  })
}

/** Every scope of this server that the service's own contain: all that a token of it can carry. */
export function serviceScopes({ scopes }: Pick<Service, 'scopes'>, server: ProtectedResource): string[] {
  const classes = allClassScopes(server.id).filter((text) => {
    const scope = parseScope(text)
    return scope?.kind === 'class' && scopesCover(scopes, server.id, scope.toolClass, null)
  })
  const tools = [...server.toolScopes].filter((tool) => {
    const toolClass = server.toolClasses.get(tool)
    return toolClass !== undefined && scopesCover(scopes, server.id, toolClass, tool)
  })
  return [...classes, ...tools.map((tool) => printToolScope(server.id, tool))]
}

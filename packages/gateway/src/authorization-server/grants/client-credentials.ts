import { asClientId } from '#core/ids.ts'
import { serviceSubject } from '#core/service-subject.ts'
import type { ProtectedResource, Snapshot } from '#core/snapshot.ts'
import { isAdminApi } from '#policy/admin-api.ts'
import { parseScope, splitScopes } from '#policy/scopes.ts'
import { type Service, serviceScopes, servicesOf } from '#policy/services.ts'
import { isScopeOf } from '../requested-scopes.ts'
import { resourceOf, serverOfScopes } from '../resource.ts'
import { type GrantResult, granted, problem } from './direct-issue.ts'

/** What a service asked for and may have. */
export interface ServiceRequest {
  readonly service: Service
  readonly resource: ProtectedResource
  readonly scopes: readonly string[]
  /** All that a token of this service can carry here: what its grant is for. */
  readonly scopesMax: readonly string[]
}

/**
 * RFC 6749 §4.4 for a client of the configuration. Pure. Without `scope` it gets what the configuration gives it at that server; scopes that
 * nobody knows are dropped where others remain, and known ones beyond what it holds refuse the request.
 */
export function clientCredentials(
  asked: { readonly clientId: string; readonly scope: string | null; readonly resource: string | null },
  snapshot: Snapshot,
): GrantResult<ServiceRequest> {
  const service = servicesOf(snapshot).get(serviceSubject(asClientId(asked.clientId)))
  if (service === undefined)
    return problem('unauthorized_client', 'notAService', 'This client may not speak for itself.')
  const wanted = splitScopes(asked.scope ?? undefined)
  const named = wanted.filter((text) => parseScope(text) !== null)
  const resource = resourceFor(asked.resource, named.length > 0 ? named : service.scopes, snapshot)
  if (resource === null) return problem('invalid_target', 'resourceUnknown', NAME_A_SERVER)
  const scopesMax = isAdminApi(resource) ? [] : serviceScopes(service, resource)
  if (scopesMax.length === 0)
    return problem('invalid_target', 'noScopeHeldThere', 'This client holds no scope at that server.')
  if (wanted.length === 0) {
    const own = service.scopes.filter((text) => isScopeOf(text, resource))
    return granted({ service, resource, scopes: own, scopesMax })
  }
  const known = wanted.filter((text) => isScopeOf(text, resource))
  if (known.length === 0) return problem('invalid_scope', 'scopeUnknown', 'None of these scopes is one of that server.')
  if (!known.every((text) => scopesMax.includes(text)))
    return problem('invalid_scope', 'scopeBeyondService', 'This client does not hold all of these scopes.')
  return granted({ service, resource, scopes: known, scopesMax })
}

const NAME_A_SERVER =
  'Name one server of this gateway in the resource parameter, as its protected resource metadata does.'

function resourceFor(asked: string | null, scopes: readonly string[], snapshot: Snapshot): ProtectedResource | null {
  return asked === null ? serverOfScopes(scopes, snapshot) : resourceOf(asked, snapshot)
}

/** The clients that may use it, for the metadata. */
export function offersClientCredentials({ clients }: Pick<Snapshot, 'clients'>): boolean {
  return [...clients.values()].some(({ grantTypes }) => grantTypes.includes('client_credentials'))
}

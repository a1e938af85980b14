import type { TenantId } from '#core/ids.ts'
import { asGrantId } from '#core/ids.ts'
import { type Random, uuidv7 } from '#core/random.ts'
import type { GrantsPort } from '#store/ports/grants.ts'
import type { ServiceRequest } from './client-credentials.ts'
import type { DirectGrant } from './direct-issue.ts'

/** A service's grant at one server holds for a day: one row, whatever number of tokens. */
const STANDING_SECONDS = 24 * 60 * 60
/** Two that began at the same moment are both good; more than a handful there are not. */
const LOOKED_AT_MAX = 10

/**
 * The grant that a service's tokens for one server belong to: the one it has, while that outlives the token and covers it, else a new one.
 * One that was revoked is not brought back; whoever still has the client's credential gets another.
 */
export async function standingGrant(
  { service, resource, scopes, scopesMax }: ServiceRequest,
  until: number,
  of: {
    readonly grants: Pick<GrantsPort, 'list'>
    readonly tenant: TenantId
    readonly random: Random
    readonly now: number
    readonly nowMs: number
  },
): Promise<DirectGrant> {
  const filter = { subject: service.subject, clientId: service.clientId, server: resource.id, liveAt: until }
  const { items } = await of.grants.list(of.tenant, filter, { limit: LOOKED_AT_MAX, cursor: null })
  const found = items.find(
    (grant) => grant.resource === resource.resource && scopes.every((scope) => grant.scopes.includes(scope)),
  )
  if (found !== undefined) return { kind: 'standing', grantId: found.grantId }
  const grantId = asGrantId(uuidv7(of.random, of.nowMs))
  return { kind: 'new', grantId, scopes: scopesMax, expiresAt: Math.max(of.now + STANDING_SECONDS, until) }
}

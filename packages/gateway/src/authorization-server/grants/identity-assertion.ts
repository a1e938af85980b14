import { createHash } from 'node:crypto'
import { asGrantId, type ClientId, type GrantId, type SubjectId } from '#core/ids.ts'
import type { ProtectedResource, Snapshot } from '#core/snapshot.ts'
import { isAdminApi } from '#policy/admin-api.ts'
import { baselineScopes, scopesAllowed } from '#policy/decide.ts'
import { scopeIsWithin, splitScopes } from '#policy/scopes.ts'
import type { IdentityAssertion } from '../assertions/judge-identity-assertion.ts'
import { isScopeOf } from '../requested-scopes.ts'
import { resourceOf, serverOfScopes } from '../resource.ts'
import { type GrantResult, granted, problem } from './direct-issue.ts'

const DAY_SECONDS = 24 * 60 * 60
/** A grant of the last moment of a day outlives its token. */
const AFTER_DAY_SECONDS = 60 * 60

export interface AssertedAccess {
  readonly resource: ProtectedResource
  readonly scopes: readonly string[]
}

/**
 * What a person gets whom their identity provider lets in: what the provider and the request both name, as far as the account's roles go (and
 * the client's own `scopes`, for one of the configuration). Pure.
 */
export function accessAsserted(
  { resources, scope: assertedScope }: Pick<IdentityAssertion, 'resources' | 'scope'>,
  asked: { readonly resource: string | null; readonly scope: string | null },
  holder: { readonly roles: readonly string[]; readonly clientScopes: readonly string[] | null },
  snapshot: Snapshot,
): GrantResult<AssertedAccess> {
  const wanted = splitScopes(asked.scope ?? undefined)
  const asserted = assertedScope === null ? null : splitScopes(assertedScope)
  const resource = chooseResource(resources, asked.resource, wanted.length > 0 ? wanted : (asserted ?? []), snapshot)
  if (!resource.ok) return resource
  const server = resource.value
  // Nobody administers the gateway on the word of somebody else.
  if (isAdminApi(server)) return problem('invalid_grant', 'assertionForAdminApi', NOT_HERE)
  // Without a word about scopes it says that the person may come in, and no more.
  const limit = asserted ?? baselineScopes(server)
  const from = wanted.length > 0 ? wanted : limit
  const allowed = scopesAllowed(snapshot, holder.roles, server)
  const scopes = from.filter(
    (text) =>
      isScopeOf(text, server) &&
      scopeIsWithin(limit, text) &&
      allowed.includes(text) &&
      (holder.clientScopes === null || scopeIsWithin(holder.clientScopes, text)),
  )
  return scopes.length > 0
    ? granted({ resource: server, scopes })
    : problem(
        'invalid_scope',
        'noScopeAsserted',
        'None of these scopes is allowed by the assertion, the account and the client.',
      )
}

const NOT_HERE = 'The assertion is not good for this resource.'

function chooseResource(
  asserted: readonly string[] | null,
  asked: string | null,
  scopes: readonly string[],
  snapshot: Snapshot,
): GrantResult<ProtectedResource> {
  const known = asserted?.map((one) => resourceOf(one, snapshot)).filter((one) => one !== null) ?? null
  // Its `resource` is one of ours, or it is not for us.
  if (known !== null && known.length === 0) return problem('invalid_grant', 'assertionForOtherResource', NOT_HERE)
  if (asked !== null) {
    const wanted = resourceOf(asked, snapshot)
    const isAsserted = known === null || known.some(({ id }) => id === wanted?.id)
    return wanted !== null && isAsserted
      ? granted(wanted)
      : problem('invalid_target', 'otherTarget', 'The assertion is not for this resource.')
  }
  const only = known === null ? serverOfScopes(scopes, snapshot) : known.length === 1 ? (known[0] ?? null) : null
  return only === null
    ? problem('invalid_target', 'resourceUnknown', 'Name one server of this gateway in the resource parameter.')
    : granted(only)
}

/**
 * The grant of one person, client, server and set of scopes, by an issuer's word, on one day: one row, whatever number of assertions. Its id
 * says so, and two that come at once mean the same one.
 */
export function assertedGrant(
  of: {
    readonly issuer: string
    readonly subject: SubjectId
    readonly clientId: ClientId
    readonly resource: string
    readonly scopes: readonly string[]
  },
  now: number,
): { readonly grantId: GrantId; readonly expiresAt: number } {
  const day = Math.floor(now / DAY_SECONDS)
  const name = JSON.stringify([of.issuer, of.subject, of.clientId, of.resource, of.scopes.toSorted(), day])
  const hex = createHash('sha256').update(name).digest('hex')
  // RFC 9562 §5.8: a UUID of our own making.
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  return { grantId: asGrantId(id), expiresAt: (day + 1) * DAY_SECONDS + AFTER_DAY_SECONDS }
}

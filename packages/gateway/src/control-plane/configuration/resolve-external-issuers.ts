import { Secret } from '#core/secret.ts'
import type { ExternalIssuer } from '#core/snapshot.ts'
import { DEFAULT_ROLES } from './default-roles.ts'
import { parseHeaderValue } from './references.ts'
import { type Resolving, resolveReference } from './resolve-server.ts'
import type { Configuration } from './schema.ts'

type Section = Configuration['externalIssuers'][string]

/** The external issuers of the configuration, secrets read. What is wrong with one is told, and then nothing is used of any. */
export async function resolveExternalIssuers(
  configuration: Configuration,
  resolving: Resolving,
): Promise<ReadonlyMap<string, ExternalIssuer>> {
  const known = new Set(Object.keys(configuration.roles ?? DEFAULT_ROLES))
  const issuers = new Map<string, ExternalIssuer>()
  for (const [name, section] of Object.entries(configuration.externalIssuers)) {
    const issuer = await resolveOne(name, section, known, resolving)
    if (issuer !== null) issuers.set(name, issuer)
  }
  return issuers
}

async function resolveOne(
  name: string,
  section: Section,
  roles: ReadonlySet<string>,
  resolving: Resolving,
): Promise<ExternalIssuer | null> {
  const { source, problems } = resolving
  const wrong = (at: readonly PropertyKey[], problem: string, instead: string | null = null) =>
    void problems.push(source.problem(['externalIssuers', name, ...at], problem, instead, 'value'))
  const reachable = 'Write an https URL; http only with `network: loopback`.'
  const isReachable = (text: string) => {
    const url = URL.parse(text)
    if (url === null || url.hash !== '' || url.username !== '' || url.password !== '') return false
    return url.protocol === 'https:' || (url.protocol === 'http:' && section.network === 'loopback')
  }
  if (!isReachable(section.issuer)) wrong(['issuer'], 'This is no issuer.', reachable)
  for (const role of new Set([...(section.roles?.always ?? []), ...Object.values(section.roles?.map ?? {}).flat()]))
    if (!roles.has(role)) wrong(['roles'], `There is no role ${role}.`)
  const { jwksUri, introspection } = section
  if ((jwksUri === undefined) === (introspection === undefined)) {
    wrong([], 'Nobody says whether a token is good.', 'Write either `jwksUri` or `introspection`.')
    return null
  }
  const place = jwksUri ?? introspection?.endpoint ?? ''
  if (!isReachable(place))
    wrong(jwksUri === undefined ? ['introspection', 'endpoint'] : ['jwksUri'], 'This cannot be asked.', reachable)
  const by =
    jwksUri === undefined ? await introspectionOf(name, introspection, resolving) : ({ kind: 'keys', jwksUri } as const)
  return by === null
    ? null
    : {
        name,
        issuer: section.issuer,
        network: section.network,
        by,
        tokenTypes: section.tokenTypes.map((type) => (type === 'none' ? null : type)),
        lifetimeSecondsMax: section.lifetimeSecondsMax,
        claims: { client: section.clientClaims, scope: section.scopeClaim },
        scopes: new Map(Object.entries(section.scopes)),
        opensAccounts: section.accounts === 'opened',
        roles:
          section.roles === undefined ? null : { ...section.roles, map: new Map(Object.entries(section.roles.map)) },
      }
}

async function introspectionOf(
  name: string,
  section: Section['introspection'],
  resolving: Resolving,
): Promise<Extract<ExternalIssuer['by'], { kind: 'introspection' }> | null> {
  if (section === undefined) return null
  const path = ['externalIssuers', name, 'introspection', 'secret']
  const reference = parseHeaderValue(section.secret)
  if (reference === null || reference.scheme !== '') {
    resolving.problems.push(
      resolving.source.problem(path, 'This is not one reference.', 'Write `${file:path}` or `${env:NAME}`.', 'value'),
    )
    return null
  }
  const secret = await resolveReference(reference.reference, path, resolving)
  const { endpoint, clientId } = section
  return secret === null ? null : { kind: 'introspection', endpoint, clientId, secret: new Secret(secret) }
}

import { Secret } from '#core/secret.ts'
import type { IdentityProvider } from '#core/snapshot.ts'
import { DEFAULT_ROLES } from './default-roles.ts'
import { parseHeaderValue } from './references.ts'
import { type Resolving, resolveReference } from './resolve-server.ts'
import type { Configuration } from './schema.ts'

/** The identity providers of the configuration, secrets read. What is wrong with one is told, and then nothing is used of any. */
export async function resolveProviders(
  configuration: Configuration,
  resolving: Resolving,
): Promise<ReadonlyMap<string, IdentityProvider>> {
  const { source, problems } = resolving
  const known = new Set(Object.keys(configuration.roles ?? DEFAULT_ROLES))
  const providers = new Map<string, IdentityProvider>()
  for (const [name, section] of Object.entries(configuration.identityProviders)) {
    const path = ['identityProviders', name]
    const wrong = (at: readonly PropertyKey[], problem: string, instead: string | null = null) =>
      void problems.push(source.problem([...path, ...at], problem, instead, 'value'))
    if (!isIssuer(section.issuer, section.network))
      wrong(
        ['issuer'],
        'This is not an issuer that can be asked.',
        'Write an https URL without query; http only with `network: loopback`.',
      )
    const named = [...(section.roles?.always ?? []), ...Object.values(section.roles?.map ?? {}).flat()]
    for (const role of new Set(named)) if (!known.has(role)) wrong(['roles'], `There is no role ${role}.`)
    for (const [at, problem, instead] of profileProblems(section)) wrong(at, problem, instead)
    const secret =
      section.secret === undefined ? null : await readSecret(section.secret, [...path, 'secret'], resolving)
    const roles = section.roles === undefined ? null : await resolveRoles(section, [...path, 'roles'], resolving)
    providers.set(name, {
      name,
      profile: section.profile,
      apiUrl: section.apiUrl ?? null,
      title: section.title ?? name,
      issuer: section.issuer,
      clientId: section.clientId,
      secret,
      scopes: [...new Set(['openid', ...section.scopes])],
      network: section.network,
      emailDomains: section.emailDomains,
      multiFactorAcr: section.multiFactorAcr,
      sessionSeconds: section.sessionSeconds ?? null,
      logoutEnds: section.logoutEnds,
      recheck: section.recheck ?? null,
      opensAccounts: section.accounts === 'opened',
      roles,
    })
  }
  if (!configuration.login.passwords && providers.size === 0)
    problems.push(
      source.problem(['login', 'passwords'], 'Nobody could log in.', 'Add an identity provider first.', 'value'),
    )
  return providers
}

type Section = Configuration['identityProviders'][string]
type Problem = readonly [path: readonly PropertyKey[], problem: string, instead: string]

const CLAIM_OF_ROLES: Readonly<Partial<Record<Section['profile'], string>>> = {
  keycloak: 'realm_access.roles',
  cognito: 'cognito:groups',
  workos: 'role',
  clerk: 'org_role',
}
/** Tenants of everybody: a token of any organization, or of none, would be one of this company's. */
const TENANTS_OF_ALL = ['common', 'organizations', 'consumers', '9188040d-6c67-4c5b-b112-36a304b66dad']

/** What a provider is known not to do, so that nobody finds out by a login that fails. */
function profileProblems({ profile, issuer, recheck, roles, secret, apiUrl }: Section): readonly Problem[] {
  const problems: Problem[] = []
  const [tenant = ''] =
    URL.parse(issuer)
      ?.pathname.split('/')
      .filter((part) => part !== '') ?? []
  if (profile === 'entra' && (TENANTS_OF_ALL.includes(tenant) || tenant === ''))
    problems.push([['issuer'], 'This is not one tenant.', 'Write https://login.microsoftonline.com/TENANT-ID/v2.0.'])
  if (profile === 'github' && recheck !== undefined)
    problems.push([
      ['recheck'],
      'GitHub gives no refresh tokens to ask again with.',
      'Leave it out, and set `sessionSeconds`.',
    ])
  if (profile === 'github' && secret === undefined)
    problems.push([['secret'], 'GitHub knows no clients without a secret.', 'Write `${file:path}`.'])
  if (profile !== 'github' && apiUrl !== undefined)
    problems.push([['apiUrl'], 'This is for `github` alone.', 'Leave it out.'])
  if (roles?.lookup === undefined) return problems
  if (profile !== 'entra' && profile !== 'google')
    problems.push([['roles', 'lookup'], 'There is nowhere to look groups up at this provider.', 'Leave it out.'])
  if (profile === 'google' && roles.lookup.serviceAccount === undefined)
    problems.push([['roles', 'lookup'], 'Google’s directory answers service accounts alone.', 'Add `serviceAccount`.'])
  if (profile === 'entra' && secret === undefined)
    problems.push([['roles', 'lookup'], 'Graph is asked as the application, which needs its secret.', 'Add `secret`.'])
  return problems
}

async function resolveRoles(
  { profile, roles }: Section,
  path: readonly PropertyKey[],
  resolving: Resolving,
): Promise<IdentityProvider['roles']> {
  if (roles === undefined) return null
  const { claim = CLAIM_OF_ROLES[profile] ?? 'groups', map, always, lookup } = roles
  const rules = { claim, map: new Map(Object.entries(map)), always }
  if (lookup === undefined) return { ...rules, lookup: null }
  const { endpoint, serviceAccount } = lookup
  if (profile !== 'google')
    return { ...rules, lookup: { kind: 'graph', endpoint: endpoint ?? 'https://graph.microsoft.com', account: null } }
  const key =
    serviceAccount === undefined
      ? null
      : await readSecret(serviceAccount.key, [...path, 'lookup', 'serviceAccount', 'key'], resolving)
  const account = serviceAccount === undefined || key === null ? null : { ...serviceAccount, key }
  return { ...rules, lookup: { kind: 'directory', endpoint: endpoint ?? 'https://admin.googleapis.com', account } }
}

/** OpenID Connect Discovery §4: no query and no fragment. */
function isIssuer(text: string, network: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && network === 'loopback')
}

async function readSecret(text: string, path: readonly PropertyKey[], resolving: Resolving): Promise<Secret | null> {
  const reference = parseHeaderValue(text)
  if (reference === null || reference.scheme !== '') {
    resolving.problems.push(
      resolving.source.problem(path, 'This is not one reference.', 'Write `${file:path}` or `${env:NAME}`.', 'value'),
    )
    return null
  }
  const value = await resolveReference(reference.reference, path, resolving)
  return value === null ? null : new Secret(value)
}

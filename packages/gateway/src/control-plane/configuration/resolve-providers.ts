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
    const secret =
      section.secret === undefined ? null : await readSecret(section.secret, [...path, 'secret'], resolving)
    providers.set(name, {
      name,
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
      roles: section.roles === undefined ? null : { ...section.roles, map: new Map(Object.entries(section.roles.map)) },
    })
  }
  if (!configuration.login.passwords && providers.size === 0)
    problems.push(
      source.problem(['login', 'passwords'], 'Nobody could log in.', 'Add an identity provider first.', 'value'),
    )
  return providers
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

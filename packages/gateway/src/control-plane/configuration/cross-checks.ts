import { isIP } from 'node:net'
import { isLoopbackHost } from '#core/loopback-host.ts'
import { ADMIN_API_ID } from '#policy/admin-api.ts'
import { closest } from './closest.ts'
import { DEFAULT_ROLES } from './default-roles.ts'
import { type EffectiveGateway, readOrigin } from './effective.ts'
import { isPublicKey } from './is-public-key.ts'
import type { ConfigurationProblem } from './problem.ts'
import type { Configuration, ServerSection, TrustedIssuerSection } from './schema.ts'
import { scopeProblem } from './scope-problem.ts'
import type { Source } from './source.ts'

export interface Findings {
  readonly problems: readonly ConfigurationProblem[]
  readonly warnings: readonly ConfigurationProblem[]
}

/** Everything that takes two places of the file, or more than a type, to judge. Pure. */
export function crossCheck(configuration: Configuration, effective: EffectiveGateway, source: Source): Findings {
  const problems: ConfigurationProblem[] = []
  const warnings: ConfigurationProblem[] = []
  const into = collect(problems, warnings, source)
  checkPublicUrl(configuration, effective, into)
  checkListen(configuration, effective, into)
  checkProxiesAndOrigins(configuration, into)
  checkMutualTls(configuration, effective, into)
  const sections = crossCheckSections(configuration, effective, source)
  return { problems: [...problems, ...sections.problems], warnings: [...warnings, ...sections.warnings] }
}

/** The part that is one issuer's own: the gateway's, or a tenant's. */
export function crossCheckSections(
  configuration: Configuration,
  effective: EffectiveGateway,
  source: Source,
): Findings {
  const problems: ConfigurationProblem[] = []
  const warnings: ConfigurationProblem[] = []
  const into = collect(problems, warnings, source)
  checkRegistration(configuration, effective, into)
  checkTrustedIssuers(configuration, into)
  checkLifetimes(configuration, into)
  checkRoles(configuration, into)
  checkExternal(configuration, into)
  for (const [id, server] of Object.entries(configuration.servers)) checkServer(id, server, into)
  if (Object.keys(configuration.servers).length + Object.keys(configuration.tenants).length === 0)
    into.doubtful(['servers'], 'There is no server, so there is nothing to reach.', 'Add one under `servers`.')
  return { problems, warnings }
}

interface Collector {
  wrong(path: readonly PropertyKey[], problem: string, instead?: string | null, at?: 'key' | 'value'): void
  doubtful(path: readonly PropertyKey[], problem: string, instead?: string | null): void
}

function collect(problems: ConfigurationProblem[], warnings: ConfigurationProblem[], source: Source): Collector {
  return {
    wrong: (path, problem, instead = null, at = 'value') => problems.push(source.problem(path, problem, instead, at)),
    doubtful: (path, problem, instead = null) => warnings.push(source.problem(path, problem, instead)),
  }
}

/**
 * What an authorization server elsewhere decides cannot be promised here: whoever writes that it holds is told, before anybody relies on it.
 */
function checkExternal({ servers, externalIssuers, introspection }: Configuration, into: Collector): void {
  for (const [id, server] of Object.entries(servers)) {
    if (server.authorization === undefined) continue
    const { issuer } = server.authorization
    const path = ['servers', id]
    if (!Object.hasOwn(externalIssuers, issuer))
      into.wrong(
        [...path, 'authorization', 'issuer'],
        `There is no external issuer ${issuer}.`,
        'Add it under `externalIssuers`.',
      )
    for (const [tool, { tier, scope }] of Object.entries(server.tools)) {
      const at = [...path, 'tools', tool]
      if (tier !== undefined)
        into.wrong(
          [...at, 'tier'],
          'How long a token lives is decided where it is issued: a tier cannot shorten it.',
          'Leave `tier` out, or have the gateway issue the tokens.',
        )
      if (scope === true)
        into.wrong(
          [...at, 'scope'],
          'Scopes of single tools are the gateway’s own: no token of another issuer has one.',
          'Leave `scope` out.',
        )
    }
    for (const [client, { servers: told }] of Object.entries(introspection))
      if (told.includes(id))
        into.wrong(
          ['introspection', client, 'servers'],
          `Tokens for ${id} are issued elsewhere: only their issuer can be asked about them.`,
          `Leave ${id} out.`,
        )
  }
}

const PUBLIC_URL = ['gateway', 'publicUrl']

function checkPublicUrl({ gateway }: Configuration, effective: EffectiveGateway, into: Collector): void {
  // Both what is written and what is in force: a bad value is not excused by waiting for a restart.
  for (const publicUrl of new Set([gateway.publicUrl, effective.publicUrl])) {
    const origin = readOrigin(publicUrl)
    if (origin === null) {
      into.wrong(PUBLIC_URL, 'This is not an http or https URL.', 'Write an origin such as https://mcp.example.com.')
      continue
    }
    // RFC 8414 §2 and RFC 9728 §1.2 compare issuer and resource byte for byte, so there is one spelling.
    if (origin.url.origin !== publicUrl)
      into.wrong(PUBLIC_URL, 'This must be an origin alone.', `Write ${origin.url.origin}`)
    if (origin.url.protocol === 'http:' && !origin.isLoopback)
      into.wrong(
        PUBLIC_URL,
        'Plain http is for loopback only: tokens would cross the network in the clear.',
        `Write ${origin.url.origin.replace('http:', 'https:')} and configure \`tls\` or a proxy.`,
      )
  }
}

function checkListen({ gateway }: Configuration, effective: EffectiveGateway, into: Collector): void {
  const path = ['gateway', 'listen', 'host']
  const { host } = gateway.listen
  if (isIP(host) === 0 && host !== 'localhost')
    into.wrong(path, 'This is not an IP address.', 'Write 127.0.0.1, ::1, 0.0.0.0 or the address of one interface.')
  else if (!isLoopbackHost(effective.listenHost) && !effective.hasTls && gateway.trustedProxies.length === 0) {
    if (gateway.dangerouslyListenBeyondLoopbackWithoutTls)
      into.doubtful(path, 'Tokens cross the network in the clear, because a dangerous option says so.')
    else
      into.wrong(
        path,
        'Beyond loopback, tokens would cross the network in the clear.',
        'Configure `gateway.tls`, or list the proxy that ends TLS in `gateway.trustedProxies`, or listen on 127.0.0.1.',
      )
  }
  const isHttps = effective.publicUrl.startsWith('https:')
  if (effective.hasTls && !isHttps)
    into.wrong(
      PUBLIC_URL,
      'The listener speaks TLS, so clients cannot use http.',
      'Write https, or remove `gateway.tls`.',
    )
  if (isHttps && !effective.hasTls && gateway.trustedProxies.length === 0)
    into.doubtful(
      PUBLIC_URL,
      'Something else must end TLS, and every caller will seem to come from it.',
      'Configure `gateway.tls`, or list that proxy in `gateway.trustedProxies`.',
    )
  const port = readOrigin(effective.publicUrl)?.port
  if (effective.isLoopback && port !== effective.listenPort && gateway.trustedProxies.length === 0)
    into.doubtful(
      ['gateway', 'listen', 'port'],
      `The process listens on port ${effective.listenPort}, but clients are sent to port ${String(port)}.`,
      'Leave `listen.port` out, unless something forwards the one to the other.',
    )
}

function checkProxiesAndOrigins({ gateway }: Configuration, into: Collector): void {
  for (const [index, entry] of gateway.trustedProxies.entries()) {
    const path = ['gateway', 'trustedProxies', index]
    const [address = '', bits, ...rest] = entry.split('/')
    const family = isIP(address)
    const bitsMax = family === 4 ? 32 : 128
    const bitsAreGood = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax)
    if (family === 0 || !bitsAreGood || rest.length > 0)
      into.wrong(path, 'This is neither an IP address nor a CIDR block.', 'Write 10.0.0.5 or 10.0.0.0/24.')
    else if (bits !== undefined && Number(bits) === 0)
      into.wrong(path, 'This believes everybody who claims to be a proxy.', 'Write the addresses of your proxies.')
  }
  for (const [index, entry] of gateway.allowedOrigins.entries()) {
    const path = ['gateway', 'allowedOrigins', index]
    const origin = readOrigin(entry)
    if (origin === null || entry === '*')
      into.wrong(
        path,
        'This is not an origin; there is no wildcard.',
        'Write one origin such as https://app.example.com.',
      )
    else if (origin.url.origin !== entry)
      into.wrong(path, 'This must be an origin alone.', `Write ${origin.url.origin}`)
    else if (origin.url.protocol === 'http:' && !origin.isLoopback)
      into.wrong(path, 'Anybody on the network path can be a plain http origin.', 'Write its https origin.')
  }
}

/** Either our own TLS asks for certificates, or a proxy hands them on; and whoever demands them has to be able to get them. */
function checkMutualTls(configuration: Configuration, effective: EffectiveGateway, into: Collector): void {
  const { mutualTls, trustedProxies } = configuration.gateway
  const path = ['gateway', 'mutualTls']
  if (mutualTls === undefined) {
    const { require, tiers, clients } = configuration.senderConstraint
    const rules = [
      require,
      ...Object.values(tiers),
      ...Object.values(clients),
      ...Object.values(configuration.servers).map(({ senderConstraint }) => senderConstraint),
    ]
    if (rules.includes('mtls'))
      into.wrong(
        ['senderConstraint'],
        'A rule asks for client certificates, and nobody asks clients for them.',
        'Configure `gateway.mutualTls`.',
        'key',
      )
    return
  }
  const { publicUrl, listen, proxy } = mutualTls
  if (publicUrl !== undefined) {
    const origin = readOrigin(publicUrl)
    if (origin === null || origin.url.origin !== publicUrl || origin.url.protocol !== 'https:')
      into.wrong([...path, 'publicUrl'], 'This is not an https origin.', 'Write https://mtls.example.com.')
    else if (publicUrl === effective.publicUrl)
      into.wrong([...path, 'publicUrl'], 'This is `gateway.publicUrl` itself.', 'Leave it out.')
  }
  if (proxy === undefined && !effective.hasTls)
    into.wrong(path, 'Nobody asks clients for certificates.', 'Configure `gateway.tls`, or `mutualTls.proxy`.', 'key')
  if (proxy !== undefined && listen !== undefined)
    into.wrong(
      [...path, 'listen'],
      'Certificates come from a proxy, or from a listener.',
      'Keep one of the two.',
      'key',
    )
  if ((listen === undefined) !== (publicUrl === undefined) && proxy === undefined)
    into.wrong(
      path,
      'A second listener and its origin go together.',
      'Write `listen` and `publicUrl`, or neither.',
      'key',
    )
  if (listen !== undefined && isIP(listen.host) === 0 && listen.host !== 'localhost')
    into.wrong(
      [...path, 'listen', 'host'],
      'This is not an IP address.',
      'Write 0.0.0.0 or the address of one interface.',
    )
  for (const [index, address] of (proxy?.addresses ?? []).entries())
    if (!trustedProxies.includes(address))
      into.wrong(
        [...path, 'proxy', 'addresses', index],
        'This is not one of `gateway.trustedProxies`.',
        'Write the address there too.',
      )
}

/** Pinned, or published where nobody on the way can replace them. */
function checkIssuerKeys(
  { jwks, jwksUri, network }: Pick<TrustedIssuerSection, 'jwks' | 'jwksUri' | 'network'>,
  path: readonly PropertyKey[],
  into: Collector,
): void {
  if ((jwks === undefined) === (jwksUri === undefined))
    into.wrong(
      path,
      'An issuer has either `jwks` or `jwksUri`.',
      'Pin its keys, or say where it publishes them.',
      'key',
    )
  for (const [at, jwk] of (jwks ?? []).entries())
    if (!isPublicKey(jwk))
      into.wrong([...path, 'jwks', at], 'This is not a public key.', 'Write the public JWK: kty EC, RSA or OKP.')
  if (jwksUri === undefined) return
  const url = URL.parse(jwksUri)
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '')
    into.wrong([...path, 'jwksUri'], 'This is not an https URL.')
  else if (url.protocol !== 'https:' && !(url.protocol === 'http:' && network === 'loopback'))
    into.wrong([...path, 'jwksUri'], 'Whoever is on the way could replace these keys.', 'Write https.')
}

/** Whose word is taken for what: one entry for each issuer, and rules that not everybody at it fits. */
function checkTrustedIssuers({ trustedIssuers, servers }: Configuration, into: Collector): void {
  const seen = new Set<string>()
  for (const [name, section] of Object.entries(trustedIssuers)) {
    const path = ['trustedIssuers', name]
    if (seen.has(section.issuer)) into.wrong([...path, 'issuer'], 'This issuer is here twice.', 'Keep one of the two.')
    seen.add(section.issuer)
    checkIssuerKeys(section, path, into)
    for (const [index, domain] of (section.identityAssertions?.emailDomains ?? []).entries())
      if (domain.includes('*'))
        into.wrong(
          [...path, 'identityAssertions', 'emailDomains', index],
          'There is no wildcard.',
          'Write each domain.',
        )
    for (const [id, { claims, scopes }] of Object.entries(section.workloads)) {
      const at = [...path, 'workloads', id]
      if (Object.keys(claims).length === 0)
        into.wrong(
          [...at, 'claims'],
          'Everybody at this issuer would be this workload.',
          'Write `sub`, or other claims.',
        )
      for (const [index, text] of scopes.entries()) {
        const problem = scopeProblem(text, servers)
        if (problem !== null) into.wrong([...at, 'scopes', index], problem, 'Write server:class, such as notes:read.')
      }
    }
  }
}

function checkRegistration({ registration }: Configuration, effective: EffectiveGateway, into: Collector): void {
  if (registration.mode === 'open' && !effective.isLoopback)
    into.wrong(
      ['registration', 'mode'],
      '`open` lets anybody on the network become a client; it is for loopback only.',
      'Write `approval`, and let clients in with `sallyport client approve`.',
    )
  const issuers = new Set<string>()
  for (const [index, { issuer, jwks, jwksUri, network }] of registration.statements.entries()) {
    const path = ['registration', 'statements', index]
    if (issuers.has(issuer)) into.wrong([...path, 'issuer'], 'This issuer is here twice.', 'Keep one of the two.')
    issuers.add(issuer)
    checkIssuerKeys({ jwks, jwksUri, network }, path, into)
  }
  if (registration.mode === 'statement' && registration.statements.length === 0)
    into.doubtful(
      ['registration', 'mode'],
      'There is no issuer of software statements, so only initial access tokens let a client in.',
      'Add one under `registration.statements`, or make tokens with `sallyport client token create`.',
    )
}

function checkLifetimes({ lifetimes }: Configuration, into: Collector): void {
  if (lifetimes.accessTokenSeconds > lifetimes.refreshTokenSeconds)
    into.wrong(
      ['lifetimes', 'accessTokenSeconds'],
      'An access token would outlive its refresh family.',
      `Write at most ${lifetimes.refreshTokenSeconds}.`,
    )
  if (lifetimes.refreshTokenSeconds > lifetimes.loginSessionSeconds)
    into.wrong(
      ['lifetimes', 'refreshTokenSeconds'],
      'Nothing outlives the login that allowed it.',
      `Write at most ${lifetimes.loginSessionSeconds}, or a longer \`loginSessionSeconds\`.`,
    )
}

function checkRoles({ roles, servers }: Configuration, into: Collector): void {
  const ids = Object.keys(servers)
  for (const [name, role] of Object.entries(roles ?? {})) {
    for (const id of Object.keys(role.allow)) {
      if (id === '*' || ids.includes(id)) continue
      const near = closest(id, ids)
      into.wrong(
        ['roles', name, 'allow', id],
        `There is no server \`${id}\`.`,
        near === null ? `Servers: ${ids.join(', ') || 'none'}; \`*\` means all.` : `Did you mean \`${near}\`?`,
        'key',
      )
    }
  }
  if (!Object.values(roles ?? DEFAULT_ROLES).some((role) => role.admin === 'operator'))
    into.doubtful(
      ['roles'],
      'No role has `admin: operator`, so only the command line on this machine can administer.',
      'Give one role `admin: operator`.',
    )
}

function checkServer(id: string, server: ServerSection, into: Collector): void {
  const path = ['servers', id]
  if (id === ADMIN_API_ID)
    into.wrong(
      path,
      'This id is taken: the scopes `api:read` and `api:write` are those of the gateway’s own admin API.',
      'Choose another id.',
      'key',
    )
  if (server.stdio !== undefined && server.http !== undefined)
    into.wrong([...path, 'http'], 'A server has either `stdio` or `http`.', 'Keep one of the two.', 'key')
  if (server.stdio === undefined && server.http === undefined)
    into.wrong(path, 'This server has neither `stdio` nor `http`.', 'Write one: how is it reached?', 'key')
  if (server.http !== undefined) checkHttp(path, server.http, into)
}

/** Header fields that belong to the connection or to the gateway's own MCP session (RFC 9110 §7.6.1, MCP transports). */
const RESERVED_HEADERS: ReadonlySet<string> = new Set(
  (
    'host connection content-length content-type content-encoding transfer-encoding te trailer upgrade keep-alive expect accept ' +
    'accept-encoding proxy-connection proxy-authenticate origin referer forwarded x-forwarded-for x-forwarded-proto ' +
    'x-forwarded-host mcp-session-id mcp-protocol-version last-event-id mcp-method mcp-name'
  ).split(' '),
)

function checkHttp(path: readonly string[], http: NonNullable<ServerSection['http']>, into: Collector): void {
  const at = [...path, 'http', 'url']
  const origin = readOrigin(http.url)
  if (origin === null) into.wrong(at, 'This is not an http or https URL.', 'Write the MCP endpoint: https://host/mcp.')
  else {
    const { url } = origin
    if (url.username !== '' || url.password !== '')
      into.wrong(
        at,
        'A URL is no place for a credential.',
        'Write it as `headers: { Authorization: "Bearer ${file:…}" }`.',
      )
    if (url.hash !== '') into.wrong(at, 'A fragment is never sent.', 'Remove what follows `#`.')
    if (url.protocol === 'http:' && http.network === 'public')
      into.wrong(at, 'Plain http over a public network shows our credential.', 'Write https, or `network: loopback`.')
    if (url.protocol === 'http:' && http.network === 'private' && !isLoopbackHost(url.hostname))
      into.doubtful(at, 'What passes between gateway and server can be read on your network.', 'Write https if it can.')
    if (http.network === 'public' && isLoopbackHost(url.hostname))
      into.wrong(
        [...path, 'http', 'network'],
        'The host is this machine, but `network` is `public`.',
        'Write `network: loopback`.',
      )
  }
  const seen = new Set<string>()
  for (const name of Object.keys(http.headers)) {
    const lower = name.toLowerCase()
    if (RESERVED_HEADERS.has(lower))
      into.wrong([...path, 'http', 'headers', name], 'The gateway sets this header itself.', 'Remove it.', 'key')
    if (seen.has(lower))
      into.wrong([...path, 'http', 'headers', name], 'This header is here twice.', 'Keep one of the two.', 'key')
    seen.add(lower)
  }
}

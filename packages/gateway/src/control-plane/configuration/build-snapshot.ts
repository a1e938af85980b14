import { asClientId, asServerId, DEFAULT_TENANT, type ServerId } from '#core/ids.ts'
import type {
  ExternalIssuer,
  LoginDemand,
  MutualTls,
  RolePolicy,
  SenderPolicy,
  SenderRule,
  ServerEntry,
  Snapshot,
  StatementIssuer,
  TrustedIssuer,
  UpstreamSpec,
} from '#core/snapshot.ts'
import { TIERS, type Tier } from '#core/tiers.ts'
import { DEFAULT_TOKEN_ALGORITHM } from '#core/token-algorithms.ts'
import { DEFAULT_ROLES } from './default-roles.ts'
import type { EffectiveGateway } from './effective.ts'
import type { Configuration, RoleSection, ServerSection, StatementSection, TrustedIssuerSection } from './schema.ts'

/** Pure: everything was read and checked before. `number` is 0; the holder counts. */
export function buildSnapshot(
  configuration: Configuration,
  effective: EffectiveGateway,
  upstreams: ReadonlyMap<string, UpstreamSpec>,
  known: Pick<Snapshot, 'clients' | 'introspection' | 'identityProviders'>,
  externalIssuers: ReadonlyMap<string, ExternalIssuer>,
  mutualTls: MutualTls | null,
  version: string,
): Snapshot {
  const { gateway, registration, lifetimes, signingKeys, store } = configuration
  const servers = new Map<ServerId, ServerEntry>()
  for (const [id, section] of Object.entries(configuration.servers)) {
    const upstream = upstreams.get(id)
    if (upstream === undefined) continue
    const server = buildServer(id, section, upstream, effective.publicUrl)
    servers.set(server.id, { ...server, external: externalOf(section, server.resource, externalIssuers) ?? null })
  }
  return Object.freeze({
    version,
    number: 0,
    tenant: DEFAULT_TENANT,
    publicUrl: effective.publicUrl,
    isLoopback: effective.isLoopback,
    allowedOrigins: new Set(gateway.allowedOrigins),
    trustedProxies: gateway.trustedProxies,
    registration: {
      ...registration,
      mode: registration.mode ?? (effective.isLoopback ? 'open' : 'approval'),
      statements: registration.statements.flatMap(statementIssuer),
    },
    ...known,
    loginDemands: buildLoginDemands(configuration),
    asksForAddress: configuration.login.discovery === 'address',
    requiresSecondFactor: configuration.login.secondFactor === 'required',
    hasPasswords: configuration.login.passwords,
    trustedIssuers: Object.entries(configuration.trustedIssuers).flatMap(([name, issuer]) =>
      trustedIssuer(name, issuer),
    ),
    servers,
    roles: new Map(
      Object.entries(configuration.roles ?? DEFAULT_ROLES).map(([name, role]) => [name, buildRole(name, role)]),
    ),
    lifetimes,
    signing: {
      rotateSeconds: signingKeys.rotateDays * DAY_SECONDS,
      publishAheadSeconds: signingKeys.publishAheadSeconds,
      algorithms: new Set([
        DEFAULT_TOKEN_ALGORITHM,
        ...Object.values(configuration.servers).map(({ tokenAlgorithm }) => tokenAlgorithm),
      ]),
    },
    senders: buildSenders(configuration),
    mutualTls,
    dangerousOptions: [
      ...(gateway.dangerouslyListenBeyondLoopbackWithoutTls
        ? ['gateway.dangerouslyListenBeyondLoopbackWithoutTls']
        : []),
      ...(store.postgres?.dangerouslyConnectBeyondLoopbackWithoutTls === true
        ? ['store.postgres.dangerouslyConnectBeyondLoopbackWithoutTls']
        : []),
    ],
  })
}

const DAY_SECONDS = 24 * 3600

function buildServer(id: string, section: ServerSection, upstream: UpstreamSpec, publicUrl: string): ServerEntry {
  const tools = Object.entries(section.tools)
  return {
    id: asServerId(id),
    title: section.title ?? id,
    description: section.description,
    resource: `${publicUrl}/mcp/${id}`,
    upstream,
    baselineClasses: [...new Set(section.baseline)],
    toolClasses: new Map(tools.map(([name, tool]) => [name, tool.class])),
    toolTiers: new Map(tools.flatMap(([name, { tier }]) => (tier === undefined ? [] : [[name, tier] as const]))),
    toolScopes: new Set(tools.filter(([, tool]) => tool.scope).map(([name]) => name)),
    tokenAlgorithm: section.tokenAlgorithm,
    limits: section.limits,
  }
}

/** Rules that ask for nothing are left out, except where a server's takes back the one for all. */
function externalOf(
  { authorization }: ServerSection,
  resource: string,
  issuers: ReadonlyMap<string, ExternalIssuer>,
): ServerEntry['external'] {
  const issuer = authorization === undefined ? undefined : issuers.get(authorization.issuer)
  return issuer === undefined ? null : { issuer, audience: authorization?.audience ?? resource }
}

function buildLoginDemands({ login }: Configuration): ReadonlyMap<Tier, LoginDemand> {
  return new Map(
    TIERS.flatMap((tier) => {
      const demand = login.tiers[tier]
      if (demand === undefined) return []
      const maxAgeSeconds = demand.maxAgeSeconds ?? null
      return [
        [tier, { multiFactor: demand.multiFactor, maxAgeSeconds, needsAuthTime: maxAgeSeconds !== null }] as const,
      ]
    }),
  )
}

function buildSenders({ senderConstraint, servers }: Configuration): SenderPolicy {
  const { require, tiers, clients, nonces } = senderConstraint
  const ruled = Object.entries(servers).flatMap(([id, { senderConstraint: rule }]) =>
    rule === undefined || rule === require ? [] : [[asServerId(id), rule] as const],
  )
  return {
    requiresNonce: nonces === 'required',
    everywhere: require,
    servers: new Map(ruled),
    tiers: new Map(TIERS.flatMap((tier) => asking(tier, tiers[tier]))),
    clients: new Map(Object.entries(clients).flatMap(([id, rule]) => asking(id, rule))),
  }
}

function asking<K>(key: K, rule: SenderRule | undefined): readonly (readonly [K, SenderRule])[] {
  return rule === undefined || rule === 'none' ? [] : [[key, rule]]
}

function buildRole(name: string, role: RoleSection): RolePolicy {
  return {
    name,
    admin: role.admin ?? null,
    allow: new Map(
      Object.entries(role.allow).map(([id, classes]) => [id === '*' ? id : asServerId(id), new Set(classes)]),
    ),
  }
}

function statementIssuer({ issuer, clientsMax, ...section }: StatementSection): StatementIssuer[] {
  const keys = issuerKeys(section)
  return keys === null ? [] : [{ issuer, keys, clientsMax }]
}

function trustedIssuer(name: string, section: TrustedIssuerSection): TrustedIssuer[] {
  const { issuer, workloads, identityAssertions = null } = section
  const keys = issuerKeys(section)
  if (keys === null) return []
  const known = Object.entries(workloads).map(([id, workload]) => ({
    clientId: asClientId(`workload:${name}:${id}`),
    name: id,
    audience: workload.audience ?? null,
    claims: new Map(Object.entries(workload.claims).map(([claim, values]) => [claim, [values].flat()])),
    scopes: [...new Set(workload.scopes)],
    lifetimeSecondsMax: workload.lifetimeSecondsMax,
    isRepeatable: workload.repeatable,
  }))
  return [{ name, issuer, keys, workloads: known, identityAssertions }]
}

/** Checked before: exactly one of the two. */
function issuerKeys({
  jwks,
  jwksUri,
  network,
}: Pick<StatementSection, 'jwks' | 'jwksUri' | 'network'>): StatementIssuer['keys'] | null {
  if (jwks !== undefined) return { kind: 'jwks', jwks }
  return jwksUri === undefined ? null : { kind: 'jwksUri', jwksUri, network }
}

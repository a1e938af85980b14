import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditEvent, CallAuditTrail } from '#audit/trail.ts'
import { systemClock } from '#core/clock.ts'
import {
  asClientId,
  asGrantId,
  asRequestId,
  asServerId,
  asSubjectId,
  asTenantId,
  asTokenId,
  DEFAULT_TENANT,
} from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import { systemRandom, uuidv7 } from '#core/random.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { ServerEntry, ServerLimits, Snapshot, UpstreamSpec } from '#core/snapshot.ts'
import { TOOL_CLASSES, type ToolClass } from '#core/tool-classes.ts'
import { createMcpEndpoint, type McpEndpoint } from '#data-plane/endpoint.ts'
import type { DataPlaneLimits } from '#data-plane/limits.ts'
import { createRouter } from '#http/router.ts'
import type { TokenProblem } from '#identity/access-tokens.ts'
import type { LiveMemberships } from '#identity/live-ports.ts'
import type { Principal } from '#identity/principal.ts'
import { createSealer } from '#keys/sealer.ts'
import { NO_SENDER_RULES, testSenders } from './sender-rules.ts'
import { UNGOVERNED } from './snapshot.ts'

export interface TestServer {
  readonly upstream: UpstreamSpec
  readonly limits?: Partial<ServerLimits>
  readonly toolClasses?: Readonly<Record<string, ToolClass>>
}

export interface GatewayOptions {
  readonly servers: Readonly<Record<string, TestServer>>
  readonly limits?: Partial<DataPlaneLimits>
  /** Classes that the one role allows everywhere; all by default. */
  readonly roleClasses?: readonly ToolClass[]
}

/**
 * The data plane alone behind a listener on loopback. Tokens are `token-{subject}[.client~{id}][.grant~{id}][.scopes~{class+class}][.ttl~{seconds}]`
 * and verified by a stand-in, so that these tests are about sessions and streams.
 */
export interface DataPlaneGateway {
  readonly url: (server: string) => string
  readonly records: AuditEvent[]
  readonly logged: { readonly message: string; readonly fields: unknown }[]
  readonly endpoint: McpEndpoint
  readonly stateDir: string
  /** Subjects revoked from now on. */
  revoke(subject: string): void
  /** The same for one grant; a token that names none is of `grant-{subject}`. */
  revokeGrant(grant: string): void
  /** Makes the audit log fail for events that match, from now on; null heals it. */
  failAudit(matches: ((event: AuditEvent) => boolean) | null): void
  setSnapshot(change: (snapshot: Snapshot) => Snapshot): void
  /** What a subject may be from now on; `tester` until then. */
  setRoles(subject: string, roles: readonly string[]): void
  close(): Promise<void>
}

export async function startDataPlane(options: GatewayOptions): Promise<DataPlaneGateway> {
  const stateDir = await mkdtemp(join(tmpdir(), 'data-plane-'))
  const records: AuditEvent[] = []
  const logged: { message: string; fields: unknown }[] = []
  let failing: ((event: AuditEvent) => boolean) | null = null
  let isFailing = false
  const write = async (event: AuditEvent) => {
    await new Promise((resolve) => setImmediate(resolve))
    isFailing = failing?.(event) ?? false
    if (isFailing) throw new Error('the disk is full')
    records.push(event)
  }
  const audit: CallAuditTrail = {
    entry: () => {
      throw new Error('not used by the data plane')
    },
    record: write,
    refusedUnauthenticated: write,
    isFailing: () => isFailing,
  }
  const log = collect(logged)
  const revoked = new Set<string>()
  const revocationListeners = new Set<() => void>()
  const isRevoked = ({ subject, grantId }: Principal) => revoked.has(subject) || revoked.has(grantId)
  const revoke = (id: string) => {
    revoked.add(id)
    for (const listener of revocationListeners) listener()
  }
  const judge = (principal: Principal): Result<Principal, TokenProblem> => {
    if (isRevoked(principal)) return refused({ kind: 'invalid', reason: 'revoked' })
    const isExpired = principal.expiresAt <= systemClock.nowSeconds()
    return isExpired ? refused({ kind: 'invalid', reason: 'expired' }) : ok(principal)
  }
  let snapshot = await new Promise<Snapshot>((resolve) => resolve(snapshotOf('http://127.0.0.1', options)))
  const roles = new Map<string, readonly string[]>()
  const roleListeners = new Set<Parameters<LiveMemberships['onChange']>[0]>()
  const swapListeners = new Set<(snapshot: Snapshot) => void>()

  const endpoint = createMcpEndpoint({
    snapshots: { current: () => snapshot, onSwap: subscribe(swapListeners) },
    verifier: {
      verify: async (token, resource) => {
        const principal = principalOf(token, resource)
        return principal === null ? refused({ kind: 'invalid', reason: 'unknown' }) : judge(principal)
      },
      judge: async (principal) => judge(principal),
    },
    senders: testSenders(),
    memberships: {
      rolesOf: async (_tenant, subject) => ({ roles: roles.get(subject) ?? ['tester'], version: 1 + roles.size }),
      onChange: subscribe(roleListeners),
    },
    revocations: {
      isStale: () => false,
      isRevoked,
      onChange: subscribe(revocationListeners),
    },
    audit,
    clock: systemClock,
    random: systemRandom,
    sealer: createSealer(systemRandom.bytes(32), systemRandom),
    stateDir,
    log,
    ...(process.env['PATH'] === undefined ? {} : { searchPath: process.env['PATH'] }),
    limits: options.limits,
  })
  const { server, origin } = await listen(endpoint)
  snapshot = snapshotOf(origin, options)
  return {
    url: (name) => `${origin}/mcp/${name}`,
    records,
    logged,
    endpoint,
    stateDir,
    revoke,
    revokeGrant: revoke,
    failAudit: (matches) => {
      failing = matches
    },
    setSnapshot: (change) => {
      snapshot = change(snapshot)
      for (const listener of swapListeners) listener(snapshot)
    },
    setRoles: (subject, given) => {
      roles.set(subject, given)
      for (const listener of roleListeners) listener(DEFAULT_TENANT, asSubjectId(subject))
    },
    close: async () => {
      await endpoint.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}

async function listen(endpoint: McpEndpoint): Promise<{ server: Server; origin: string }> {
  const router = createRouter(endpoint.routes)
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const requestId = asRequestId(uuidv7(systemRandom, Date.now()))
    const exchange = { request, response, requestId, path: url.pathname, query: url.searchParams }
    router({ ...exchange, clientAddress: '127.0.0.1' }).catch((cause: unknown) => {
      process.stderr.write(`handler failed: ${cause instanceof Error ? cause.stack : String(cause)}\n`)
      response.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { server, origin: `http://127.0.0.1:${address.port}` }
}

function snapshotOf(origin: string, options: GatewayOptions): Snapshot {
  const servers = Object.entries(options.servers).map(
    ([name, server]): [ReturnType<typeof asServerId>, ServerEntry] => [
      asServerId(name),
      {
        id: asServerId(name),
        title: name,
        description: '',
        resource: `${origin}/mcp/${name}`,
        upstream: server.upstream,
        baselineClasses: ['read'],
        toolClasses: new Map(Object.entries(server.toolClasses ?? {})),
        toolScopes: new Set(),
        limits: {
          requestBytesMax: 1024 * 1024,
          responseBytesMax: 8 * 1024 * 1024,
          callTimeoutSeconds: 20,
          sessionsPerSubjectMax: 8,
          idleSeconds: 600,
          ...server.limits,
        },
      },
    ],
  )
  return {
    version: 'test',
    number: 1,
    tenant: DEFAULT_TENANT,
    publicUrl: origin,
    isLoopback: true,
    allowedOrigins: new Set(),
    trustedProxies: [],
    registration: { mode: 'open', clientsMax: 10, perAddressPerHour: 10, metadataDocuments: false, ...UNGOVERNED },
    clients: new Map(),
    servers: new Map(servers),
    roles: new Map([
      [
        'tester',
        { name: 'tester', admin: null, allow: new Map([['*', new Set(options.roleClasses ?? TOOL_CLASSES)]]) },
      ],
    ]),
    lifetimes: { accessTokenSeconds: 900, refreshTokenSeconds: 14_400, loginSessionSeconds: 14_400 },
    introspection: new Map(),
    identityProviders: new Map(),
    hasPasswords: true,
    signing: { rotateSeconds: 2_592_000, publishAheadSeconds: 900, algorithms: new Set(['ES256'] as const) },
    senders: NO_SENDER_RULES,
    mutualTls: null,
    dangerousOptions: [],
  }
}

function principalOf(token: string, resource: string): Principal | null {
  const [name, ...rest] = token.split('.')
  if (!name?.startsWith('token-')) return null
  const options = new Map(rest.map((part): [string, string] => [part.split('~')[0] ?? '', part.split('~')[1] ?? '']))
  const subject = name.slice('token-'.length)
  const server = resource.slice(resource.lastIndexOf('/') + 1)
  const classes = options.get('scopes')?.split('+') ?? [...TOOL_CLASSES]
  return {
    tenant: asTenantId('default'),
    subject: asSubjectId(subject),
    kind: 'user',
    clientId: asClientId(options.get('client') ?? 'client-1'),
    scopes: classes.map((toolClass) => `${server}:${toolClass}`),
    resource,
    acr: null,
    authTime: null,
    grantId: asGrantId(options.get('grant') ?? `grant-${subject}`),
    grantNumber: 1,
    confirmation: null,
    tokenId: asTokenId(token),
    expiresAt: expiryOf(token, Number(options.get('ttl') ?? 900)),
  }
}

/** A token's end does not move while it is used. */
const expiries = new Map<string, number>()
function expiryOf(token: string, ttlSeconds: number): number {
  const known = expiries.get(token) ?? systemClock.nowSeconds() + ttlSeconds
  expiries.set(token, known)
  return known
}

function subscribe<T>(listeners: Set<T>): (listener: T) => () => void {
  return (listener) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
}

function collect(logged: { message: string; fields: unknown }[]): Log {
  const at = (message: string, fields?: unknown) => {
    logged.push({ message, fields })
  }
  return { debug: at, info: at, warn: at, error: at }
}

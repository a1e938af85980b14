import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuditTrail } from '#audit/create-trail.ts'
import type { AuditEvent, AuditTrail } from '#audit/trail.ts'
import type { HashQueue } from '#authorization-server/login/hash-queue.ts'
import { createPages } from '#authorization-server/pages/routes.ts'
import { type Clock, systemClock } from '#core/clock.ts'
import { asServerId, asSubjectId, DEFAULT_TENANT, type SubjectId } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import type { RolePolicy, ServerEntry, Snapshot } from '#core/snapshot.ts'
import { createListener } from '#http/listener.ts'
import { createRouter } from '#http/router.ts'
import { hashPassword } from '#identity/password-hash.ts'
import { newSetupLink } from '#identity/setup-link.ts'
import { openSealer } from '#keys/sealer.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { Store } from '#store/ports/store.ts'
import { NO_SENDER_RULES } from './sender-rules.ts'
import { UNGOVERNED } from './snapshot.ts'
import { openTestStore } from './store.ts'
import { TestInteractions } from './test-interactions.ts'

export const USERNAME = 'maria'
export const PASSWORD = 'violet anchor teapot 9'

export interface PagesServer {
  /** `P` of the gateway under test. */
  readonly url: string
  readonly store: Store
  readonly interactions: TestInteractions
  /** Every event that reached the audit trail, in order. */
  readonly events: AuditEvent[]
  /** What a handler failed with. */
  readonly failures: unknown[]
  /** A web client's redirect URI, on another origin than the gateway. */
  readonly redirectUri: string
  /** The queries that the client's redirect URI was called with. */
  readonly clientCalls: URLSearchParams[]
  readonly account: Account
  /** A fresh setup link; only useful while there is no account. */
  setupLink(expiresInSeconds?: number): Promise<string>
  setRoles(roles: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** The pages on a real listener, router and store; the engine is played by `TestInteractions`. */
export async function startPages(
  options: {
    readonly withAccount?: boolean
    readonly clock?: Clock
    readonly hashQueue?: HashQueue
    readonly wrapStore?: (store: Store) => Store
  } = {},
): Promise<PagesServer> {
  const clock = options.clock ?? systemClock
  const opened = await openTestStore()
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-pages-'))
  const sealer = await openSealer(join(folder, 'key'))
  const store = options.wrapStore?.(opened.store) ?? opened.store
  const trail = createAuditTrail({ port: opened.store.audit, sealer, clock, random: systemRandom })
  const events: AuditEvent[] = []
  const failures: unknown[] = []
  const clientCalls: URLSearchParams[] = []
  const client = await startClient(clientCalls)
  let snapshot = snapshotFor('http://127.0.0.1:1')
  const snapshots = { current: () => snapshot, onSwap: () => () => undefined }
  const interactions = new TestInteractions(() => snapshot)
  const pages = createPages({
    interactions,
    snapshots,
    store,
    audit: recording(trail, events),
    clock,
    random: systemRandom,
    sealer,
    onFailure: (_requestId, cause) => failures.push(cause),
    ...(options.hashQueue ? { hashQueue: options.hashQueue } : {}),
  })
  const listener = createListener({
    current: () => snapshot,
    router: createRouter([...pages.routes, ...interactions.routes]),
    clock,
    random: systemRandom,
    tls: null,
    onFailure: (_requestId, cause) => failures.push(cause),
  })
  const { port } = await listener.listen('127.0.0.1', 0)
  snapshot = snapshotFor(`http://127.0.0.1:${port}`)
  const account = await newAccount()
  if (options.withAccount ?? true) await opened.store.accounts.create(account, [])
  return {
    url: snapshot.publicUrl,
    store: opened.store,
    interactions,
    events,
    failures,
    redirectUri: client.redirectUri,
    clientCalls,
    account,
    async setupLink(expiresInSeconds = 600) {
      const { token, linkHash } = newSetupLink(systemRandom)
      await opened.store.accounts.issueSetupLink(DEFAULT_TENANT, linkHash, clock.nowSeconds() + expiresInSeconds)
      return `${snapshot.publicUrl}/setup?token=${token}`
    },
    async setRoles(roles) {
      await opened.store.accounts.setRoles(DEFAULT_TENANT, account.subject, roles, clock.nowSeconds(), [])
    },
    async close() {
      await listener.close()
      client.server.closeAllConnections()
      client.server.close()
      await trail.close()
      await opened.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export const SUBJECT: SubjectId = asSubjectId('01930000-0000-7000-8000-000000000001')

let passwordHash: Promise<string> | null = null

async function newAccount(): Promise<Account> {
  passwordHash ??= hashPassword(PASSWORD, systemRandom)
  return {
    tenant: DEFAULT_TENANT,
    subject: SUBJECT,
    username: USERNAME,
    displayName: 'Maria Lund',
    passwordHash: await passwordHash,
    roles: ['user'],
    status: 'active',
    createdAt: 1_790_000_000,
    passwordChangedAt: 1_790_000_000,
  }
}

function recording(trail: AuditTrail, events: AuditEvent[]): AuditTrail {
  return {
    entry: (event) => {
      events.push(event)
      return trail.entry(event)
    },
    record: (event) => {
      events.push(event)
      return trail.record(event)
    },
    refusedUnauthenticated: (event, address) => {
      events.push(event)
      return trail.refusedUnauthenticated(event, address)
    },
  }
}

async function startClient(calls: URLSearchParams[]): Promise<{ server: Server; redirectUri: string }> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://client.invalid')
    if (url.pathname === '/callback') calls.push(url.searchParams)
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><html lang="en"><title>client</title><p>back at the client</p>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // a TCP server that listens has an address object
  return { server, redirectUri: `http://127.0.0.1:${port}/callback` }
}

function snapshotFor(publicUrl: string): Snapshot {
  const notes = serverEntry(publicUrl, 'notes', 'Team notes', 'Shared notes of the whole team')
  const files = serverEntry(publicUrl, 'files', 'Project files', '')
  const role = (name: string, classes: RolePolicy['allow'] extends ReadonlyMap<infer _, infer Set> ? Set : never) =>
    [name, { name, admin: null, allow: new Map([['*' as const, classes]]) }] as const
  return {
    version: 'test',
    number: 1,
    tenant: DEFAULT_TENANT,
    publicUrl,
    isLoopback: true,
    allowedOrigins: new Set(['https://listed.example']),
    trustedProxies: [],
    registration: { mode: 'open', clientsMax: 100, perAddressPerHour: 100, metadataDocuments: true, ...UNGOVERNED },
    clients: new Map(),
    servers: new Map([
      [notes.id, notes],
      [files.id, files],
    ]),
    roles: new Map<string, RolePolicy>([
      role('user', new Set(['read', 'write', 'send', 'destructive'])),
      role('reader', new Set(['read'])),
      role('nobody', new Set()),
      ['chief', { name: 'chief', admin: 'operator', allow: new Map() }],
    ]),
    lifetimes: { accessTokenSeconds: 900, refreshTokenSeconds: 14_400, loginSessionSeconds: 28_800 },
    introspection: new Map(),
    identityProviders: new Map(),
    hasPasswords: true,
    signing: { rotateSeconds: 2_592_000, publishAheadSeconds: 900, algorithms: new Set(['ES256'] as const) },
    senders: NO_SENDER_RULES,
    mutualTls: null,
    dangerousOptions: [],
  }
}

function serverEntry(publicUrl: string, id: string, title: string, description: string): ServerEntry {
  return {
    id: asServerId(id),
    title,
    description,
    resource: `${publicUrl}/mcp/${id}`,
    upstream: { kind: 'http', url: 'http://127.0.0.1:1/', headers: new Map(), network: 'loopback' },
    baselineClasses: ['read'],
    toolClasses: new Map([['export_all', 'send']]),
    toolScopes: new Set(['export_all']),
    limits: {
      requestBytesMax: 1_000_000,
      responseBytesMax: 1_000_000,
      callTimeoutSeconds: 60,
      sessionsPerSubjectMax: 10,
      idleSeconds: 600,
    },
  }
}

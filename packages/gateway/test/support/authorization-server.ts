import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuditTrail } from '#audit/create-trail.ts'
import type { AuditEvent, AuditTrail } from '#audit/trail.ts'
import { createAuthorizationServer } from '#authorization-server/create.ts'
import type { Interaction, Interactions } from '#authorization-server/interactions.ts'
import { type Clock, systemClock } from '#core/clock.ts'
import { asServerId, asSubjectId, DEFAULT_TENANT, type ServerId, type SubjectId } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { refused } from '#core/result.ts'
import type { RolePolicy, ServerEntry, Snapshot } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { createListener } from '#http/listener.ts'
import { sendJson, sendRedirect } from '#http/respond.ts'
import { createRouter } from '#http/router.ts'
import { openSealer, type Sealer } from '#keys/sealer.ts'
import { loadSigningKeys, type SigningKeys } from '#keys/signing-keys.ts'
import type { Store } from '#store/ports/store.ts'
import { OAuthBrowser, postForm } from './oauth-browser.ts'
import { NO_SENDER_RULES } from './sender-rules.ts'
import { UNGOVERNED } from './snapshot.ts'
import { openTestStore } from './store.ts'
import { REDIRECT, TestRegistry } from './test-registry.ts'

export const CLIENT = 'client-1'
export const OTHER_CLIENT = 'client-2'

export interface Consenting {
  /** Scopes to grant; those requested when left out. */
  readonly scopes?: readonly string[]
  readonly deny?: boolean
  readonly subject?: SubjectId
}

export interface AuthorizationServerUnderTest {
  /** `P`. */
  readonly url: string
  readonly store: Store
  readonly sealer: Sealer
  readonly keys: SigningKeys
  readonly registry: TestRegistry
  readonly interactions: Interactions
  /** Every event that reached the audit trail, in order, refusals of unknown callers included. */
  readonly events: AuditEvent[]
  readonly failures: unknown[]
  readonly subject: SubjectId
  /** Every interaction that a page was shown. */
  readonly shown: Interaction[]
  /** What the consent pages said was decided. */
  readonly decided: ('allowed' | 'denied')[]
  /** What the person at the pages does next. */
  person: Consenting
  resource(server: string): string
  setSnapshot(change: Partial<Snapshot>): void
  addAccount(username: string, roles: readonly string[]): Promise<SubjectId>
  /** Rejects if a handler threw: no test expects a bug. */
  close(): Promise<void>
}

/** The authorization server on a real listener, router and store. The pages are played: they log in and consent as `person` says. */
export async function startAuthorizationServer(
  options: {
    readonly wrapStore?: (store: Store) => Store
    readonly servers?: readonly string[]
    /** What the authorization server takes for the time; the system's by default. */
    readonly clock?: Clock
    /** A second server on the same store, with the same keys, as another replica. */
    readonly beside?: AuthorizationServerUnderTest
    /** A store that the caller opened and closes. */
    readonly store?: Store
  } = {},
): Promise<AuthorizationServerUnderTest> {
  const own = options.beside?.store ?? options.store
  const opened = own === undefined ? await openTestStore() : { store: own, close: async () => undefined }
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-as-'))
  const sealer = options.beside?.sealer ?? (await openSealer(join(folder, 'key')))
  const store = options.wrapStore?.(opened.store) ?? opened.store
  const events: AuditEvent[] = []
  const failures: unknown[] = []
  const trail = createAuditTrail({ port: store.audit, sealer, clock: systemClock, random: systemRandom })
  const audit = recording(trail, events)
  const keys = await loadSigningKeys(opened.store.signingKeys, sealer, DEFAULT_TENANT, systemClock, systemRandom, audit)
  const registry = new TestRegistry()
  registry.add(CLIENT)
  registry.add(OTHER_CLIENT)
  let snapshot = snapshotFor('http://127.0.0.1:1', options.servers ?? ['files', 'memory'])
  const snapshots = { current: () => snapshot, onSwap: () => () => undefined }
  const server = createAuthorizationServer({
    // Exchanging tokens is tried where there are doors that take them: at the whole gateway.
    accessTokens: { verify: async () => refused({ kind: 'invalid', reason: 'noDoorHere' }) },
    doors: { verify: async () => refused({ kind: 'invalid', reason: 'noDoorHere' }) },
    snapshots,
    store,
    sealer,
    keys,
    registry,
    audit,
    clock: options.clock ?? systemClock,
    random: systemRandom,
  })
  const under: Omit<AuthorizationServerUnderTest, 'url' | 'subject'> = {
    store,
    sealer,
    keys,
    registry,
    interactions: server.interactions,
    events,
    failures,
    shown: [],
    decided: [],
    person: {},
    resource: (id) => `${snapshot.publicUrl}/mcp/${id}`,
    setSnapshot: (change) => {
      snapshot = { ...snapshot, ...change }
    },
    addAccount: (username, roles) => addAccount(opened.store, username, roles),
    close: async () => {
      await listener.close()
      await server.close()
      await trail.close()
      await opened.close()
      await rm(folder, { recursive: true, force: true })
      if (failures.length > 0) throw new AggregateError(failures, 'handlers failed during the test')
    },
  }
  const subject = options.beside?.subject ?? (await under.addAccount('maria', ['member']))
  const playLogin = async (exchange: HttpExchange, uid: string) => {
    const interaction = await server.interactions.load(exchange, uid)
    if (interaction === null) return sendJson(exchange.response, 400, { page: 'expired' })
    under.shown.push(interaction)
    const who = under.person.subject ?? subject
    const account = await opened.store.accounts.find(DEFAULT_TENANT, who)
    const next = await server.interactions.finishLogin(exchange, interaction, {
      subject: who,
      authTime: systemClock.nowSeconds(),
      amr: ['pwd'],
      passwordHash: account?.passwordHash ?? 'unknown',
      loginId: null,
      isTimeKnown: true,
    })
    if (next === null) sendJson(exchange.response, 400, { page: 'expired' })
    else sendRedirect(exchange.response, next)
  }
  const playConsent = async (exchange: HttpExchange, uid: string) => {
    const interaction = await server.interactions.load(exchange, uid)
    if (interaction === null) return sendJson(exchange.response, 400, { page: 'expired' })
    under.shown.push(interaction)
    const { deny, scopes } = under.person
    const decided = deny
      ? await server.interactions.deny(exchange, interaction)
      : await server.interactions.finishConsent(exchange, interaction, scopes ?? interaction.scopesRequested)
    if (decided === null) return sendJson(exchange.response, 400, { page: 'expired' })
    under.decided.push(decided.decision)
    sendRedirect(exchange.response, decided.resumeUrl)
  }
  const listener = createListener({
    current: () => snapshot,
    router: createRouter([
      ...server.routes,
      { method: 'GET', path: '/login/:uid', handler: (exchange, { uid = '' }) => playLogin(exchange, uid) },
      { method: 'GET', path: '/consent/:uid', handler: (exchange, { uid = '' }) => playConsent(exchange, uid) },
    ]),
    clock: systemClock,
    random: systemRandom,
    tls: null,
    onFailure: (_requestId, cause) => failures.push(cause),
  })
  const { port } = await listener.listen('127.0.0.1', 0)
  const url = `http://127.0.0.1:${port}`
  snapshot = snapshotFor(options.beside?.url ?? url, options.servers ?? ['files', 'memory'])
  return Object.assign(under, { url, subject })
}

export interface Pkce {
  readonly verifier: string
  readonly challenge: string
}

export function pkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** An authorization URL of a well-behaved client; `change` sets parameters, null removes them. */
export function authorizeUrl(
  url: string,
  challenge: string,
  change: Readonly<Record<string, string | null>> = {},
): string {
  const parameters: Record<string, string | null> = {
    response_type: 'code',
    client_id: CLIENT,
    redirect_uri: REDIRECT,
    scope: 'files:read',
    state: 'state-1',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    resource: `${url}/mcp/files`,
    ...change,
  }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.set(name, value)
  return `${url}/oauth/authorize?${query.toString()}`
}

/** Runs an authorization to its end and answers the redirect to the client. */
export async function authorize(
  server: AuthorizationServerUnderTest,
  options: {
    readonly browser?: OAuthBrowser
    readonly pkce?: Pkce
    readonly change?: Readonly<Record<string, string | null>>
  } = {},
): Promise<{ readonly redirect: URL; readonly code: string; readonly verifier: string }> {
  const { verifier, challenge } = options.pkce ?? pkce()
  const browser = options.browser ?? new OAuthBrowser(server.url)
  const end = await browser.follow(authorizeUrl(server.url, challenge, options.change))
  if (!('left' in end))
    throw new Error(`the authorization ended at ${end.at.href}: ${end.answer.status} ${end.answer.text}`)
  return { redirect: end.left, code: end.left.searchParams.get('code') ?? '', verifier }
}

export interface TokenAnswer {
  readonly status: number
  readonly body: Record<string, unknown>
}

export async function redeem(
  server: AuthorizationServerUnderTest,
  code: string,
  verifier: string,
  change: Readonly<Record<string, string>> = {},
): Promise<TokenAnswer> {
  return token(server, {
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
    redirect_uri: REDIRECT,
    client_id: CLIENT,
    ...change,
  })
}

export async function refresh(
  server: AuthorizationServerUnderTest,
  refreshToken: string,
  change: Readonly<Record<string, string>> = {},
): Promise<TokenAnswer> {
  return token(server, { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: CLIENT, ...change })
}

export async function token(
  server: AuthorizationServerUnderTest,
  fields: Readonly<Record<string, string>>,
): Promise<TokenAnswer> {
  // A replica is reached under the public URL that it shares with the other.
  const answer = await postForm(`${server.url}/oauth/token`, fields, { host: new URL(server.resource('')).host })
  // Guaranteed by the test: a body that is not JSON fails it here.
  return { status: answer.status, body: JSON.parse(answer.text) as Record<string, unknown> }
}

function recording(trail: AuditTrail, events: AuditEvent[]): AuditTrail {
  return {
    entry(event) {
      events.push(event)
      return trail.entry(event)
    },
    async record(event) {
      events.push(event)
      await trail.record(event)
    },
    async refusedUnauthenticated(event, address) {
      events.push(event)
      await trail.refusedUnauthenticated(event, address)
    },
  }
}

async function addAccount(store: Store, username: string, roles: readonly string[]): Promise<SubjectId> {
  const subject = asSubjectId(`subject-${username}`)
  const now = systemClock.nowSeconds()
  await store.accounts.create(
    {
      tenant: DEFAULT_TENANT,
      subject,
      username,
      displayName: username,
      passwordHash: 'unused',
      roles,
      status: 'active',
      createdAt: now,
      passwordChangedAt: now,
    },
    [],
  )
  return subject
}

function snapshotFor(publicUrl: string, ids: readonly string[]): Snapshot {
  const servers = new Map(ids.map((id) => [asServerId(id), serverEntry(publicUrl, id)]))
  const allowOfMember: RolePolicy['allow'] = new Map([
    [asServerId('files') as ServerId | '*', new Set<ToolClass>(['read', 'write', 'send'])],
    ['*', new Set<ToolClass>(['read'])],
  ])
  return {
    version: 'version-1',
    number: 1,
    tenant: DEFAULT_TENANT,
    publicUrl,
    isLoopback: true,
    allowedOrigins: new Set(),
    trustedProxies: [],
    registration: { mode: 'open', clientsMax: 100, perAddressPerHour: 100, metadataDocuments: true, ...UNGOVERNED },
    clients: new Map(),
    servers,
    roles: new Map([
      ['member', { name: 'member', admin: null, allow: allowOfMember }],
      ['nobody', { name: 'nobody', admin: null, allow: new Map() }],
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

function serverEntry(publicUrl: string, id: string): ServerEntry {
  return {
    id: asServerId(id),
    title: id,
    description: '',
    resource: `${publicUrl}/mcp/${id}`,
    upstream: { kind: 'stdio', command: 'false', args: [], env: new Map(), cwd: null },
    baselineClasses: ['read'],
    toolClasses: new Map(),
    toolScopes: new Set(),
    limits: {
      requestBytesMax: 1,
      responseBytesMax: 1,
      callTimeoutSeconds: 1,
      sessionsPerSubjectMax: 1,
      idleSeconds: 1,
    },
  }
}

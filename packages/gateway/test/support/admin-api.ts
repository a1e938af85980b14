import { createHash } from 'node:crypto'
import type { AuditEvent, AuditTrail } from '#audit/trail.ts'
import { createIdentityTests, type IdentityTestsContext } from '#authorization-server/login/provider/identity-tests.ts'
import { createOpenProvider } from '#authorization-server/login/provider/open-provider.ts'
import { keep } from '#authorization-server/login/provider/transactions.ts'
import type { LogOperations } from '#control-plane/admin-api/log-operations.ts'
import type { Caller, RawRequest } from '#control-plane/admin-api/operation.ts'
import { type AdminApi, createAdminApi } from '#control-plane/admin-api/routes.ts'
import type { TokenDoor } from '#control-plane/admin-api/token-door.ts'
import { systemClock } from '#core/clock.ts'
import {
  asClientId,
  asGrantId,
  asRequestId,
  asServerId,
  asSubjectId,
  DEFAULT_TENANT,
  type SubjectId,
} from '#core/ids.ts'
import { systemRandom, uuidv7 } from '#core/random.ts'
import type { AdminRole, IdentityProvider, RolePolicy, Snapshot } from '#core/snapshot.ts'
import { createSealer } from '#keys/sealer.ts'
import type { Store } from '#store/ports/store.ts'
import { NO_SENDER_RULES } from './sender-rules.ts'
import { testServer } from './snapshot.ts'
import { openTestStore } from './store.ts'

export interface TestAdminApi {
  readonly api: AdminApi
  readonly store: Store
  /** Everything recorded, in order. */
  readonly events: AuditEvent[]
  /** From now on the audit log cannot be written. */
  breakAudit(): void
  close(): Promise<void>
}

/** An admin API over a real, empty store, an audit trail that remembers, and a log that holds one made-up record. */
export async function openTestAdminApi(door: TokenDoor | null = null): Promise<TestAdminApi> {
  const { store, close } = await openTestStore()
  const events: AuditEvent[] = []
  let isBroken = false
  const note = async (event: AuditEvent) => {
    if (isBroken) throw new Error('the audit log cannot be written')
    events.push(event)
  }
  const audit: AuditTrail = {
    entry: (event) => {
      events.push(event)
      const id = uuidv7(systemRandom, systemClock.nowMs())
      return { id, tenant: event.tenant, timeMs: 1, requestId: event.requestId, body: '{}', personal: null }
    },
    record: note,
    refusedUnauthenticated: note,
  }
  const api = createAdminApi(
    {
      store,
      snapshots: { current: () => TEST_SNAPSHOT, onSwap: () => () => undefined },
      audit,
      clock: systemClock,
      random: systemRandom,
      logOperations: TEST_LOG,
      configuration: { health: () => ({ state: 'ok', problems: [] }), warnings: () => [] },
      identityTests: createIdentityTests(testContext(store, note)),
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    },
    door,
  )
  return {
    api,
    store,
    events,
    breakAudit: () => {
      isBroken = true
    },
    close,
  }
}

/** Its one provider needs nobody on the network until somebody logs in there. */
function testContext(store: Store, record: AuditTrail['record']): IdentityTestsContext {
  return {
    store,
    snapshots: { current: () => TEST_SNAPSHOT, onSwap: () => () => undefined },
    sealer: TEST_SEALER,
    clock: systemClock,
    random: systemRandom,
    openProvider: createOpenProvider(systemClock),
    audit: { record },
  }
}

const TEST_SEALER = createSealer(systemRandom.bytes(32), systemRandom)

/** A test of the provider that is under way; `testId` names it. */
export async function seedProviderTest(store: Store, testId: string): Promise<void> {
  const context = testContext(store, async () => undefined)
  await keep(context, 'test', testId, { provider: 'github', result: null }, 60)
}

function role(name: string, admin: AdminRole | null): [string, RolePolicy] {
  return [name, { name, admin, allow: new Map([['*', new Set(['read'] as const)]]) }]
}

/** Only what the admin API reads. */
export const TEST_SNAPSHOT = {
  version: 'test-version',
  number: 1,
  tenant: DEFAULT_TENANT,
  publicUrl: 'http://127.0.0.1:8700',
  isLoopback: true,
  allowedOrigins: new Set<string>(),
  roles: new Map([
    role('operator', 'operator'),
    role('approver', 'approver'),
    role('auditor', 'auditor'),
    role('user', 'user'),
    role('plain', null),
  ]),
  clients: new Map(),
  identityProviders: new Map([['github', { name: 'github', profile: 'github' } as IdentityProvider]]),
  servers: new Map([[asServerId('files'), testServer('files')]]),
  dangerousOptions: [],
  signing: { rotateSeconds: 2_592_000, publishAheadSeconds: 900, algorithms: new Set(['ES256']) },
  senders: NO_SENDER_RULES,
  mutualTls: null,
} as unknown as Snapshot

const RECORD = {
  position: 0,
  id: 'record-1',
  time: '2026-01-01T00:00:00.000Z',
  activity: 'login',
  outcome: 'success',
  reason: null,
  requestId: 'request-1',
  subject: null,
  clientId: null,
  grantId: null,
  server: null,
  tool: null,
  method: null,
  meaning: null,
  action: null,
}

const TEST_LOG: LogOperations = {
  show: async () => ({ items: [RECORD], nextCursor: null }),
  explain: async (requestId) => (requestId === 'request-1' ? [RECORD] : []),
  verify: async () => ({ isWhole: true, records: 1, checkpoints: 0, vouchedFor: 0, fault: null, verifierKey: 'key' }),
  export: async function* () {
    yield { type: 'record', position: 0, leaf: '', body: '{}' }
  },
  checkpoint: async () => ({ size: 0, note: null, verifierKey: 'key' }),
}

export const LOCAL: Caller = { kind: 'localOperator' }

export function tokenCaller(role: AdminRole | null, subject: SubjectId): Extract<Caller, { kind: 'token' }> {
  return {
    kind: 'token',
    subject,
    clientId: asClientId('console'),
    roles: new Set(role === null ? [] : [role]),
  }
}

export function raw(given: Partial<RawRequest> = {}): RawRequest {
  return { params: {}, query: {}, body: undefined, ifMatch: null, idempotencyKey: null, ...given }
}

export const REQUEST = asRequestId('00000000-0000-7000-8000-000000000001')

export interface SeededUser {
  readonly username: string
  readonly subject: SubjectId
  readonly clientId: string
  readonly grantId: string
}

/** An account, a pending client and a live grant of it, straight into the store. */
export async function seed(store: Store, username: string): Promise<SeededUser> {
  const now = systemClock.nowSeconds()
  const subject = asSubjectId(uuidv7(systemRandom, systemClock.nowMs()))
  const clientId = asClientId(`client-of-${username}`)
  const grantId = asGrantId(`grant-of-${username}`)
  await store.accounts.create(
    {
      tenant: DEFAULT_TENANT,
      subject,
      username,
      displayName: username,
      passwordHash: createHash('sha256').update(username).digest('hex'),
      roles: ['user'],
      status: 'active',
      createdAt: now,
      passwordChangedAt: now,
    },
    [],
  )
  await store.clients.register(
    {
      tenant: DEFAULT_TENANT,
      clientId,
      kind: 'dynamic',
      status: 'pending',
      metadata: JSON.stringify({ client_name: `Client ${username}`, redirect_uris: ['http://127.0.0.1/callback'] }),
      sealedSecret: null,
      createdAt: now,
      approvedAt: null,
      approvedBy: null,
    },
    1_000,
    [],
  )
  const grant = {
    tenant: DEFAULT_TENANT,
    grantId,
    subject,
    clientId,
    server: asServerId('files'),
    resource: 'http://127.0.0.1:8700/mcp/files',
    scopes: ['files:read'],
    createdAt: now,
    expiresAt: now + 3600,
  }
  await store.engine.commit(DEFAULT_TENANT, [{ kind: 'openGrant', grant }], [])
  return { username, subject, clientId, grantId }
}

/** A live API key of the account; answers its id. */
export async function seedKey(store: Store, { username, subject }: SeededUser): Promise<string> {
  const now = systemClock.nowSeconds()
  const keyId = asClientId(`key_of-${username}`)
  await store.apiKeys.create(
    {
      tenant: DEFAULT_TENANT,
      keyId,
      name: 'a key',
      subject,
      createdAt: now,
      createdBy: 'seed',
      expiresAt: now + 3600,
      secret: { secretId: `secret of ${username}`, hash: 'hash', createdAt: now, endsAt: now + 3600 },
      grants: [
        {
          tenant: DEFAULT_TENANT,
          grantId: asGrantId(`key-grant-of-${username}`),
          subject,
          clientId: keyId,
          server: asServerId('files'),
          resource: 'http://127.0.0.1:8700/mcp/files',
          scopes: ['files:read'],
          createdAt: now,
          expiresAt: now + 3600,
        },
      ],
    },
    1_000,
    [],
  )
  return keyId
}

/** A live initial access token. */
export async function seedClientToken(store: Store, { username }: SeededUser): Promise<void> {
  const now = systemClock.nowSeconds()
  const token = {
    tenant: DEFAULT_TENANT,
    tokenId: `token-${username}`,
    name: 'a token',
    hash: 'hash',
    usesMax: 1,
    createdAt: now,
    createdBy: 'seed',
    expiresAt: now + 3600,
  }
  await store.initialAccessTokens.create(token, 1_000, [])
}

/** One that signs and one that is to follow; nothing here opens them. */
export async function seedSigningKeys(store: Store): Promise<void> {
  const times = { createdAt: systemClock.nowSeconds(), dueAt: null, activatedAt: null, retiredAt: null }
  const key = { tenant: DEFAULT_TENANT, purpose: 'accessToken', algorithm: 'ES256', publicJwk: null, ...times } as const
  const sealed = new Uint8Array([1])
  await store.signingKeys.addFirst({ ...key, kid: 'one', status: 'active', sealed }, [])
  await store.signingKeys.addNext({ ...key, kid: 'two', status: 'next', sealed }, [])
}

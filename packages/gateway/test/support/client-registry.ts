import { createAuditTrail } from '#audit/create-trail.ts'
import type { AuditTrail } from '#audit/trail.ts'
import { createClientRegistry } from '#authorization-server/clients/create-registry.ts'
import type { ClientRegistry } from '#authorization-server/clients/registry.ts'
import type { Clock } from '#core/clock.ts'
import { asRequestId, DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import type { RegistrationPolicy, Snapshot } from '#core/snapshot.ts'
import { createSealer } from '#keys/sealer.ts'
import { type FetchDocumentOptions, fetchDocument } from '#net/fetch-document.ts'
import type { Store } from '#store/ports/store.ts'
import { NO_SENDER_RULES } from './sender-rules.ts'
import { UNGOVERNED } from './snapshot.ts'
import { openTestStore } from './store.ts'

/** A clock that moves only when told. */
export interface TestClock extends Clock {
  advance(seconds: number): void
}

export function createTestClock(startSeconds = 1_790_000_000): TestClock {
  let ms = startSeconds * 1000
  return {
    nowSeconds: () => Math.floor(ms / 1000),
    nowMs: () => ms,
    monotonicMs: () => ms,
    advance: (seconds) => {
      ms += seconds * 1000
    },
  }
}

export interface TestRegistry {
  readonly registry: ClientRegistry
  readonly store: Store
  readonly audit: AuditTrail
  readonly clock: TestClock
  readonly caller: { readonly address: string; readonly requestId: ReturnType<typeof asRequestId> }
  /** Audit records so far, oldest first, parsed. */
  records(): Promise<readonly Record<string, unknown>[]>
  /** Swaps the policy, as a reload of the configuration would. */
  set(policy: Partial<RegistrationPolicy>, snapshot?: Partial<Snapshot>): void
  close(): Promise<void>
}

export interface TestRegistryOptions {
  readonly policy?: Partial<RegistrationPolicy>
  readonly snapshot?: Partial<Snapshot>
  /** Laid over the fetch options the registry chooses: a resolver, a trusted certificate. */
  readonly fetchOptions?: Partial<FetchDocumentOptions>
  readonly fetch?: typeof fetchDocument
}

/** The registry over a real store and a real audit trail. By default P is a public https origin and registration needs approval. */
export async function openTestRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const { store, close } = await openTestStore()
  const clock = createTestClock()
  const sealer = createSealer(new Uint8Array(32).fill(7), systemRandom)
  const audit = createAuditTrail({ port: store.audit, sealer, clock, random: systemRandom })
  let snapshot = testSnapshot(options.policy, options.snapshot)
  const fetch: typeof fetchDocument = (url, asked) => fetchDocument(url, { ...asked, ...options.fetchOptions })
  const registry = createClientRegistry({
    store,
    snapshots: { current: () => snapshot, onSwap: () => () => {} },
    sealer,
    audit,
    clock,
    random: systemRandom,
    fetch: options.fetch ?? fetch,
  })
  return {
    registry,
    store,
    audit,
    clock,
    caller: { address: '203.0.113.7', requestId: asRequestId('request-1') },
    async records() {
      const latest = await store.audit.latest(DEFAULT_TENANT, 200)
      return latest.map((entry) => JSON.parse(entry.body) as Record<string, unknown>).reverse()
    },
    set(policy, more) {
      snapshot = testSnapshot({ ...snapshot.registration, ...policy }, { ...snapshot, ...more })
    },
    async close() {
      await audit.close()
      await close()
    },
  }
}

function testSnapshot(policy: Partial<RegistrationPolicy> = {}, more: Partial<Snapshot> = {}): Snapshot {
  return {
    version: 'test',
    number: 1,
    tenant: DEFAULT_TENANT,
    publicUrl: 'https://gateway.example',
    isLoopback: false,
    allowedOrigins: new Set(),
    trustedProxies: [],
    clients: new Map(),
    servers: new Map(),
    roles: new Map(),
    lifetimes: { accessTokenSeconds: 900, refreshTokenSeconds: 14_400, loginSessionSeconds: 28_800 },
    introspection: new Map(),
    identityProviders: new Map(),
    hasPasswords: true,
    signing: { rotateSeconds: 2_592_000, publishAheadSeconds: 900, algorithms: new Set(['ES256'] as const) },
    senders: NO_SENDER_RULES,
    mutualTls: null,
    dangerousOptions: [],
    ...more,
    registration: {
      mode: 'approval',
      clientsMax: 100,
      perAddressPerHour: 50,
      metadataDocuments: true,
      ...UNGOVERNED,
      ...policy,
    },
  }
}

export const LOOPBACK_SNAPSHOT: Partial<Snapshot> = { publicUrl: 'http://127.0.0.1:8700', isLoopback: true }

import { randomUUID } from 'node:crypto'
import {
  asClientId,
  asGrantId,
  asServerId,
  asSubjectId,
  asTenantId,
  type ClientId,
  type GrantId,
  type SubjectId,
} from '#core/ids.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { NewApiKey } from '#store/ports/api-keys.ts'
import type { AuditEntry } from '#store/ports/audit.ts'
import type { StoredClient } from '#store/ports/clients.ts'
import type { EngineDocument, NewEngineDocument } from '#store/ports/engine.ts'
import type { NewGrant } from '#store/ports/grants.ts'
import type { InitialAccessToken } from '#store/ports/initial-access-tokens.ts'
import type { Page, PageRequest } from '#store/ports/page.ts'
import type { Store } from '#store/ports/store.ts'

export const ACME = asTenantId('acme')
export const OTHER = asTenantId('other')
export const NOW = 1_800_000_000
export const FIRST_PAGE = { cursor: null, limit: 200 }

export const newSubject = (): SubjectId => asSubjectId(randomUUID())
export const newClientId = (): ClientId => asClientId(randomUUID())
export const newGrantId = (): GrantId => asGrantId(randomUUID())

export function entry(changes: Partial<AuditEntry> = {}): AuditEntry {
  const id = randomUUID()
  return {
    id,
    tenant: ACME,
    timeMs: NOW * 1000,
    requestId: null,
    body: JSON.stringify({ id, text: 'ü "quoted" \u0000' }),
    personal: null,
    ...changes,
  }
}

export function account(changes: Partial<Account> = {}): Account {
  return {
    tenant: ACME,
    subject: newSubject(),
    username: `user-${randomUUID().slice(0, 18)}`,
    displayName: "Zoë O'Brien; drop table accounts",
    passwordHash: '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA',
    roles: ['staff', 'ops'],
    status: 'active',
    createdAt: NOW,
    passwordChangedAt: NOW,
    ...changes,
  }
}

export function client(changes: Partial<StoredClient> = {}): StoredClient {
  return {
    tenant: ACME,
    clientId: newClientId(),
    kind: 'dynamic',
    status: 'pending',
    metadata: '{"client_name":"A client"}',
    sealedSecret: new Uint8Array([1, 2, 0, 255]),
    createdAt: NOW,
    approvedAt: null,
    approvedBy: null,
    admittedBy: null,
    lookalikes: [],
    removedCause: null,
    ...changes,
  }
}

export function grant(
  changes: Partial<NewGrant> = {},
): NewGrant & { readonly clientDigest: string | null; readonly loginId: string | null } {
  return {
    tenant: ACME,
    grantId: newGrantId(),
    subject: newSubject(),
    clientId: newClientId(),
    server: asServerId('files'),
    resource: 'https://gateway.example/mcp/files',
    scopes: ['files:read', 'files:write'],
    createdAt: NOW,
    expiresAt: NOW + 14_400,
    clientDigest: null,
    loginId: null,
    ...changes,
  }
}

/** Bound to the servers `files` and `notes`, of the subject `ada`. */
export function newKey(changes: Partial<NewApiKey> = {}): NewApiKey {
  const { tenant = ACME, keyId = asClientId('key_1'), subject = asSubjectId('ada'), expiresAt = NOW + 1000 } = changes
  return {
    tenant,
    keyId,
    name: 'nightly',
    subject,
    createdAt: NOW,
    createdBy: 'localOperator',
    expiresAt,
    secret: { secretId: `first of ${keyId}`, hash: 'hash', createdAt: NOW, endsAt: expiresAt },
    grants: ['files', 'notes'].map((server) =>
      grant({ tenant, subject, clientId: keyId, server: asServerId(server), resource: `r/${server}`, expiresAt }),
    ),
    ...changes,
  }
}

/** Good for ten clients, for an hour. */
export function newInitialAccessToken(changes: Partial<InitialAccessToken> = {}): InitialAccessToken {
  const { tokenId = 'token' } = changes
  return {
    tenant: ACME,
    tokenId,
    name: 'fleet',
    hash: `hash of ${tokenId}`,
    uses: 0,
    usesMax: 10,
    createdAt: NOW,
    createdBy: 'localOperator',
    expiresAt: NOW + 3600,
    revokedAt: null,
    ...changes,
  }
}

export function document(changes: Partial<EngineDocument> = {}): NewEngineDocument {
  const {
    consumedAt: _,
    reply: __,
    ...rest
  } = {
    model: 'RefreshToken',
    id: randomUUID(),
    payload: '{"kind":"RefreshToken"}',
    grantId: null,
    uid: null,
    userCode: null,
    accountId: null,
    clientId: null,
    expiresAt: NOW + 600,
    consumedAt: null,
    reply: null,
    ...changes,
  }
  return rest
}

export async function openGrant(store: Store, changes: Partial<NewGrant> = {}): Promise<NewGrant> {
  const opened = grant(changes)
  await store.engine.commit(opened.tenant, [{ kind: 'openGrant', grant: opened }], [])
  return opened
}

/** What the feed says, without numbers and times. */
export async function feedOf(store: Store): Promise<string[]> {
  return (await store.feed.since(0, 1000)).map((change) => `${change.tenant} ${change.kind} ${change.id}`)
}

export async function auditIds(store: Store, tenant = ACME): Promise<string[]> {
  return (await store.audit.latest(tenant, 1000)).map((kept) => kept.id)
}

/** Every item, read in pages of this size. */
export async function readPages<T>(size: number, list: (page: PageRequest) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const page: Page<T> = await list({ cursor, limit: size })
    items.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  return items
}

/** What eight callers get who all ask at once, counted. */
export async function race<T>(ask: (caller: number) => Promise<T>, callers = 8): Promise<Map<T, number>> {
  const outcomes = await Promise.all(Array.from({ length: callers }, (_, caller) => ask(caller)))
  const counts = new Map<T, number>()
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  return counts
}

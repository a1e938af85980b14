import { z } from 'zod'
import { asClientId, asGrantId, asServerId, asSubjectId, type SubjectId } from '#core/ids.ts'
import { randomToken } from '#core/random.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import { newApiKeyText } from '#identity/api-key-text.ts'
import { API_KEY_CLIENT_PREFIX, API_KEY_PRINCIPAL_SECONDS } from '#identity/api-keys.ts'
import { issuesHere } from '#policy/admin-api.ts'
import { scopesAllowed } from '#policy/decide.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { StoredApiKey } from '#store/ports/api-keys.ts'
import type { NewGrant } from '#store/ports/grants.ts'
import { type AdminError, adminError, notFound } from './errors.ts'
import { auditBase, type Context, NO_BODY, NOTHING, type Operation, operation } from './operation.ts'
import { isoTime, pageOf, pageQuery, toPageRequest } from './paging.ts'
import { findAccount } from './users.ts'

/** A key that nobody has to renew is one that nobody knows of any more. */
const KEY_SECONDS_MAX = 365 * 24 * 3600
const KEY_SECONDS_MIN = 60
const OVERLAP_SECONDS_MAX = 30 * 24 * 3600
const OVERLAP_SECONDS_DEFAULT = 24 * 3600
/** Live keys of a tenant. */
const KEYS_MAX = 10_000
const SERVERS_PER_KEY_MAX = 100
const SCOPES_PER_SERVER_MAX = 200
const KEY_ID_BYTES = 12
const GRANT_ID_BYTES = 32

const keyView = z.strictObject({
  keyId: z.string().describe('Also the client of its grants and records.'),
  name: z.string(),
  subject: z.string(),
  username: z.string().nullable(),
  status: z.enum(['live', 'expired', 'revoked']),
  servers: z.array(
    z.strictObject({
      server: z.string(),
      grantId: z.string(),
      scopes: z.array(z.string()),
      status: z.enum(['live', 'expired', 'revoked']),
    }),
  ),
  secrets: z
    .array(z.strictObject({ prefix: z.string(), createdAt: z.string(), endsAt: z.string() }))
    .describe('Those that open the door now, newest first, by the beginning of their text.'),
  createdAt: z.string(),
  createdBy: z.string(),
  expiresAt: z.string(),
  revokedAt: z.string().nullable(),
  revokedCause: z.string().nullable(),
  lastUsedAt: z.string().nullable().describe('To the minute.'),
  rotations: z.int(),
})
const keyWithText = keyView.extend({ key: z.string().describe('The key itself; never shown again.') })
const rotatedView = keyView.extend({
  key: z
    .string()
    .nullable()
    .describe('The new key itself, never shown again; null when the one in use is young enough.'),
})
const params = z.strictObject({ key: z.string().min(1).max(64).describe('`keyId` of the key.') })
const subject = z.string().min(1).max(64)
const lifetime = z.int().min(KEY_SECONDS_MIN).max(KEY_SECONDS_MAX)

export const keyOperations: readonly Operation[] = [
  operation({
    id: 'keys.list',
    method: 'GET',
    path: '/keys',
    summary: 'API keys. With own access, the caller’s.',
    params: NOTHING,
    query: z.strictObject({
      ...pageQuery,
      subject: subject.optional().describe('Only keys of this subject.'),
      all: z.enum(['true', 'false']).default('false').describe('Also those that are over.'),
    }),
    body: NO_BODY,
    answer: { status: 200, schema: pageOf(keyView) },
    run: async ({ query }, context) => {
      const { store, snapshots, clock } = context
      const wanted = query.subject === undefined ? null : asSubjectId(query.subject)
      if (wanted !== null && !isVisible(wanted, context)) return refused(notFound('user'))
      const whose = wanted ?? ownSubject(context)
      const page = await store.apiKeys.list(
        snapshots.current().tenant,
        {
          ...(whose === null ? {} : { subject: whose }),
          ...(query.all === 'true' ? {} : { liveAt: clock.nowSeconds() }),
        },
        toPageRequest(query),
      )
      const items = []
      for (const key of page.items) items.push(await viewOf(key, context))
      return ok({ kind: 'json', status: 200, body: { items, nextCursor: page.nextCursor } })
    },
  }),
  operation({
    id: 'keys.show',
    method: 'GET',
    path: '/keys/:key',
    summary: 'One API key.',
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: keyView },
    run: async (input, context) => {
      const key = await findKey(input.params.key, context)
      if (key === null) return refused(notFound('key'))
      return ok({ kind: 'json', status: 200, body: await viewOf(key, context) })
    },
  }),
  operation({
    id: 'keys.create',
    method: 'POST',
    path: '/keys',
    summary: 'Makes an API key for an account, bound to servers and scopes. The key is shown once.',
    params: NOTHING,
    query: NOTHING,
    body: z.strictObject({
      user: subject.describe('Username or subject of the account it acts as.'),
      name: z.string().min(1).max(128),
      servers: z
        .array(
          z.strictObject({
            server: z.string().min(1).max(63),
            scopes: z.array(z.string().min(1).max(512)).min(1).max(SCOPES_PER_SERVER_MAX),
          }),
        )
        .min(1)
        .max(SERVERS_PER_KEY_MAX),
      expiresInSeconds: lifetime,
    }),
    answer: { status: 201, schema: keyWithText },
    run: async ({ body }, context) => {
      const { store, snapshots, clock, random, audit } = context
      const snapshot = snapshots.current()
      const account = await findAccount(body.user, context)
      if (account === null) return refused(notFound('user'))
      const keyId = asClientId(API_KEY_CLIENT_PREFIX + Buffer.from(random.bytes(KEY_ID_BYTES)).toString('hex'))
      const now = clock.nowSeconds()
      const expiresAt = now + body.expiresInSeconds
      const grants: NewGrant[] = []
      for (const { server, scopes } of body.servers) {
        const bound = bindTo(server, scopes, account, snapshot)
        if (!bound.ok) return bound
        if (grants.some((other) => other.server === bound.value.id))
          return refused(invalid('servers', `${server} is named twice`))
        grants.push({
          tenant: snapshot.tenant,
          grantId: asGrantId(randomToken(random, GRANT_ID_BYTES)),
          subject: account.subject,
          clientId: keyId,
          server: bound.value.id,
          resource: bound.value.resource,
          scopes: [...new Set(scopes)],
          createdAt: now,
          expiresAt,
        })
      }
      const text = newApiKeyText(random)
      const entry = audit.entry({
        ...auditBase(context),
        activity: 'key.create',
        outcome: 'success',
        scopesGranted: grants.flatMap(({ scopes }) => scopes),
        detail: {
          actor: context.caller.kind,
          target: keyId,
          holder: account.subject,
          tokenId: text.secretId,
          servers: grants.map(({ server }) => server).join(' '),
          expiresAt,
        },
        personal: { name: body.name },
      })
      const outcome = await store.apiKeys.create(
        {
          tenant: snapshot.tenant,
          keyId,
          name: body.name,
          subject: account.subject,
          createdAt: now,
          createdBy: callerName(context),
          expiresAt,
          secret: { secretId: text.secretId, hash: text.hash, createdAt: now, endsAt: expiresAt },
          grants,
        },
        KEYS_MAX,
        [entry],
      )
      if (outcome === 'full')
        return refused(adminError('keysFull', `There are ${KEYS_MAX} live keys. Revoke some that nobody uses.`))
      if (outcome === 'subjectNotActive')
        return refused(adminError('userDisabled', 'The account is disabled: a key would open nothing.'))
      const made = await store.apiKeys.find(snapshot.tenant, keyId)
      if (made === null) return refused(notFound('key'))
      return ok({ kind: 'json', status: 201, body: { ...(await viewOf(made, context)), key: text.text.reveal() } })
    },
  }),
  operation({
    id: 'keys.rotate',
    method: 'POST',
    path: '/keys/:key/rotate',
    summary: 'Makes a new secret for a key. The old one goes on for the overlap, then ends by itself.',
    params,
    query: NOTHING,
    body: z.strictObject({
      overlapSeconds: z
        .union([z.literal(0), z.int().min(API_KEY_PRINCIPAL_SECONDS).max(OVERLAP_SECONDS_MAX)])
        .default(OVERLAP_SECONDS_DEFAULT)
        .describe('0: the old one ends within a second.'),
      expiresInSeconds: lifetime.optional().describe('From now; without it as long as the key was made for.'),
      ifOlderThanSeconds: z
        .int()
        .min(0)
        .max(KEY_SECONDS_MAX)
        .optional()
        .describe('Changes nothing while the newest secret is younger: for schedules.'),
    }),
    answer: { status: 200, schema: rotatedView },
    run: async (input, context) => {
      const { store, clock, random, audit } = context
      const key = await findKey(input.params.key, context)
      if (key === null) return refused(notFound('key'))
      const now = clock.nowSeconds()
      const { overlapSeconds, expiresInSeconds, ifOlderThanSeconds } = input.body
      const newest = key.secrets[0]
      const isYoung =
        ifOlderThanSeconds !== undefined && newest !== undefined && now - newest.createdAt < ifOlderThanSeconds
      if (isYoung && statusOf(key, now) === 'live')
        return ok({ kind: 'json', status: 200, body: { ...(await viewOf(key, context)), key: null } })
      const text = newApiKeyText(random)
      const expiresAt = now + (expiresInSeconds ?? lifetimeOf(key))
      const previousEndsAt = Math.min(now + overlapSeconds, expiresAt)
      const entry = audit.entry({
        ...auditBase(context),
        activity: 'key.rotate',
        outcome: 'success',
        detail: {
          actor: context.caller.kind,
          target: key.keyId,
          holder: key.subject,
          tokenId: text.secretId,
          previousEndsAt,
          expiresAt,
        },
      })
      const outcome = await store.apiKeys.rotate(
        key.tenant,
        key.keyId,
        {
          seen: key.rotations,
          secret: { secretId: text.secretId, hash: text.hash, createdAt: now, endsAt: expiresAt },
          previousEndsAt,
          expiresAt,
        },
        now,
        [entry],
      )
      if (outcome === 'unknown') return refused(notFound('key'))
      if (outcome === 'notLive') return refused(NOT_LIVE)
      if (outcome === 'rotatedMeanwhile')
        return refused(adminError('keyRotatedMeanwhile', 'Somebody else has rotated this key at this moment.'))
      const after = await store.apiKeys.find(key.tenant, key.keyId)
      if (after === null) return refused(notFound('key'))
      return ok({ kind: 'json', status: 200, body: { ...(await viewOf(after, context)), key: text.text.reveal() } })
    },
  }),
  operation({
    id: 'keys.revoke',
    method: 'DELETE',
    path: '/keys/:key',
    summary: 'Revokes a key with all its secrets, within a second.',
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: keyView },
    run: async (input, context) => {
      const { store, clock, audit, access } = context
      const key = await findKey(input.params.key, context)
      if (key === null) return refused(notFound('key'))
      const entry = audit.entry({
        ...auditBase(context),
        activity: 'key.revoke',
        outcome: 'success',
        reason: access === 'own' ? 'revokedByUser' : 'revokedByOperator',
        detail: { actor: context.caller.kind, target: key.keyId, holder: key.subject },
      })
      const cause = access === 'own' ? 'user' : 'operator'
      const outcome = await store.apiKeys.revoke(key.tenant, key.keyId, cause, clock.nowSeconds(), [entry])
      if (outcome === 'unknown') return refused(notFound('key'))
      if (outcome === 'notLive') return refused(NOT_LIVE)
      const after = await store.apiKeys.find(key.tenant, key.keyId)
      if (after === null) return refused(notFound('key'))
      return ok({ kind: 'json', status: 200, body: await viewOf(after, context) })
    },
  }),
]

const NOT_LIVE = adminError('keyNotLive', 'This key is revoked or expired. Make another.')

/** The server, if it is configured and the account may hold every one of the scopes there. */
function bindTo(
  server: string,
  scopes: readonly string[],
  account: Account,
  snapshot: Snapshot,
): Result<ServerEntry, AdminError> {
  const entry = snapshot.servers.get(asServerId(server))
  if (entry === undefined) return refused(invalid('servers', `there is no server ${server}`))
  if (!issuesHere(entry))
    return refused(invalid('servers', `tokens for ${server} are issued elsewhere: no key of ours opens it`))
  const allowed = scopesAllowed(snapshot, account.roles, entry)
  const beyond = scopes.find((scope) => !allowed.includes(scope))
  return beyond === undefined
    ? ok(entry)
    : refused(invalid('servers', `no role of ${account.username} allows ${beyond}, or there is no such scope`))
}

function invalid(path: string, message: string): AdminError {
  return {
    code: 'invalidInput',
    message: `The request was not understood: ${path}: ${message}.`,
    problems: [{ path, message }],
  }
}

/** For how long it was made, the last time it was. */
function lifetimeOf({ secrets, createdAt, expiresAt }: StoredApiKey): number {
  const seconds = expiresAt - (secrets[0]?.createdAt ?? createdAt)
  return Math.min(KEY_SECONDS_MAX, Math.max(KEY_SECONDS_MIN, seconds))
}

function callerName({ caller }: Context): string {
  return caller.kind === 'token' ? caller.subject : caller.kind
}

function ownSubject({ access, caller }: Context): SubjectId | null {
  return access === 'all' || caller.kind !== 'token' ? null : caller.subject
}

function isVisible(holder: SubjectId, { access, caller }: Context): boolean {
  return access === 'all' || (caller.kind === 'token' && caller.subject === holder)
}

async function findKey(keyId: string, context: Context): Promise<StoredApiKey | null> {
  const key = await context.store.apiKeys.find(context.snapshots.current().tenant, asClientId(keyId))
  return key !== null && isVisible(key.subject, context) ? key : null
}

type Status = z.output<typeof keyView>['status']

/** A key lives while it opens any door: an account that was disabled, or grants revoked one by one, end it as well. */
function statusOf(key: StoredApiKey, now: number): Status {
  if (key.revokedAt !== null || key.grants.every(({ revokedAt }) => revokedAt !== null)) return 'revoked'
  return key.expiresAt <= now ? 'expired' : 'live'
}

async function viewOf(key: StoredApiKey, { store, clock }: Context): Promise<z.output<typeof keyView>> {
  const now = clock.nowSeconds()
  const status = statusOf(key, now)
  return {
    keyId: key.keyId,
    name: key.name,
    subject: key.subject,
    username: (await store.accounts.find(key.tenant, key.subject))?.username ?? null,
    status,
    servers: key.grants.map((grant) => ({
      server: grant.server,
      grantId: grant.grantId,
      scopes: [...grant.scopes],
      status: grant.revokedAt !== null ? 'revoked' : grant.expiresAt <= now ? 'expired' : 'live',
    })),
    secrets:
      status === 'live'
        ? key.secrets
            .filter(({ endsAt }) => endsAt > now)
            .map(({ secretId, createdAt, endsAt }) => ({
              prefix: `spk_${secretId}`,
              createdAt: isoTime(createdAt),
              endsAt: isoTime(endsAt),
            }))
        : [],
    createdAt: isoTime(key.createdAt),
    createdBy: key.createdBy,
    expiresAt: isoTime(key.expiresAt),
    revokedAt: key.revokedAt === null ? null : isoTime(key.revokedAt),
    revokedCause: key.revokedCause,
    lastUsedAt: key.lastUsedAt === null ? null : isoTime(key.lastUsedAt),
    rotations: key.rotations,
  }
}

import { z } from 'zod'
import { asClientId, asGrantId, asSubjectId, type SubjectId, type TenantId } from '#core/ids.ts'
import { ok, refused } from '#core/result.ts'
import { ACCESS_TOKEN_SECONDS_MAX } from '#core/token-lifetime.ts'
import type { GrantSelector, StoredGrant } from '#store/ports/grants.ts'
import { describeClient } from './clients.ts'
import { notFound } from './errors.ts'
import { auditBase, type Context, NO_BODY, NOTHING, type Operation, operation } from './operation.ts'
import { isoTime, pageOf, pageQuery, toPageRequest } from './paging.ts'

const ID_CHARS_MAX = 2_048

const grantView = z.strictObject({
  grantId: z.string(),
  subject: z.string(),
  username: z.string().nullable(),
  clientId: z.string(),
  clientName: z.string().nullable(),
  server: z.string(),
  scopes: z.array(z.string()),
  status: z.enum(['live', 'expired', 'revoked']),
  createdAt: z.string(),
  expiresAt: z.string(),
  revokedAt: z.string().nullable(),
  revokedCause: z.string().nullable(),
})
const params = z.strictObject({ grant: z.string().min(1).max(128) })
const subject = z.string().min(1).max(64)
const clientId = z.string().min(1).max(ID_CHARS_MAX)
const revoked = z.strictObject({ revoked: z.array(z.string()).describe('Ids of the grants that were live.') })

export const grantOperations: readonly Operation[] = [
  operation({
    id: 'grants.list',
    method: 'GET',
    path: '/grants',
    summary: 'Authorizations: who let which client use which server. With own access, the caller’s.',
    params: NOTHING,
    query: z.strictObject({
      ...pageQuery,
      subject: subject.optional().describe('Only grants of this subject.'),
      clientId: clientId.optional().describe('Only grants of this client.'),
      all: z.enum(['true', 'false']).default('false').describe('Also those that are over.'),
    }),
    body: NO_BODY,
    answer: { status: 200, schema: pageOf(grantView) },
    run: async ({ query }, context) => {
      const { store, snapshots, clock } = context
      const wanted = query.subject === undefined ? null : asSubjectId(query.subject)
      const scope = scopeOf(context, wanted)
      if (scope === null) return refused(notFound('user'))
      const page = await store.grants.list(
        snapshots.current().tenant,
        {
          ...(scope.subject === null ? {} : { subject: scope.subject }),
          ...(query.clientId === undefined ? {} : { clientId: asClientId(query.clientId) }),
          ...(query.all === 'true' ? {} : { liveAt: clock.nowSeconds() }),
        },
        toPageRequest(query),
      )
      const names = createNames(context)
      const items = []
      for (const grant of page.items) items.push(await viewOf(grant, names, clock.nowSeconds()))
      return ok({ kind: 'json', status: 200, body: { items, nextCursor: page.nextCursor } })
    },
  }),
  operation({
    id: 'grants.show',
    method: 'GET',
    path: '/grants/:grant',
    summary: 'One authorization.',
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: grantView },
    run: async (input, context) => {
      const grant = await findGrant(input.params.grant, context)
      if (grant === null) return refused(notFound('grant'))
      return ok({
        kind: 'json',
        status: 200,
        body: await viewOf(grant, createNames(context), context.clock.nowSeconds()),
      })
    },
  }),
  operation({
    id: 'grants.revoke',
    method: 'DELETE',
    path: '/grants/:grant',
    summary: 'Revokes one authorization with all its tokens, within a second.',
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: revoked },
    run: async (input, context) => {
      const grant = await findGrant(input.params.grant, context)
      if (grant === null) return refused(notFound('grant'))
      return revoke({ grantId: grant.grantId }, { grantId: grant.grantId }, context)
    },
  }),
  operation({
    id: 'grants.revokeMany',
    method: 'POST',
    path: '/grants/revoke',
    summary: 'Revokes every authorization of a subject or of a client.',
    params: NOTHING,
    query: NOTHING,
    body: z.union([z.strictObject({ subject }), z.strictObject({ clientId })]),
    answer: { status: 200, schema: revoked },
    run: async ({ body }, context) => {
      if ('clientId' in body) {
        // All grants of a client belong to many people.
        if (context.access !== 'all') return refused(notFound('client'))
        return revoke({ clientId: asClientId(body.clientId) }, { target: body.clientId }, context)
      }
      const scope = scopeOf(context, asSubjectId(body.subject))
      if (scope === null || scope.subject === null) return refused(notFound('user'))
      return revoke({ subject: scope.subject }, { target: scope.subject }, context)
    },
  }),
  operation({
    id: 'grants.revokeAll',
    method: 'POST',
    path: '/grants/revoke-all',
    summary: 'Ends every authorization, API key and login of everybody, within a second.',
    params: NOTHING,
    query: NOTHING,
    body: z.strictObject({ everybody: z.literal(true).describe('Said on purpose.') }),
    answer: { status: 200, schema: z.strictObject({ count: z.int().describe('Grants that were live.') }) },
    run: async (_, context) => {
      const { store, snapshots, clock } = context
      const entry = revocationEntry(context, { target: 'everybody' })
      const count = await store.grants.revokeAll(snapshots.current().tenant, 'operator', clock.nowSeconds(), [entry])
      return ok({ kind: 'json', status: 200, body: { count } })
    },
  }),
  operation({
    id: 'tokens.revoke',
    method: 'DELETE',
    path: '/tokens/:token',
    summary: 'Denies one access token, by its id (`jti`), until it would have expired. Its grant lives.',
    params: z.strictObject({
      token: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,128}$/)
        .describe('`tokenId` of the log.'),
    }),
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: z.strictObject({ tokenId: z.string() }) },
    run: async ({ params: { token } }, context) => {
      const { store, snapshots, clock } = context
      const now = clock.nowSeconds()
      // Nobody keeps which tokens there are: what is denied may never have been.
      const entry = revocationEntry(context, { tokenId: token })
      await store.grants.revokeToken(snapshots.current().tenant, token, now + ACCESS_TOKEN_SECONDS_MAX, now, [entry])
      return ok({ kind: 'json', status: 200, body: { tokenId: token } })
    },
  }),
]

/** Whose grants the caller may ask for: everybody's (null), one subject's, or (null result) nobody's. */
function scopeOf({ access, caller }: Context, wanted: SubjectId | null): { readonly subject: SubjectId | null } | null {
  if (access === 'all') return { subject: wanted }
  if (caller.kind !== 'token' || (wanted !== null && wanted !== caller.subject)) return null
  return { subject: caller.subject }
}

async function findGrant(grantId: string, context: Context): Promise<StoredGrant | null> {
  const grant = await context.store.grants.find(context.snapshots.current().tenant, asGrantId(grantId))
  return grant !== null && scopeOf(context, grant.subject) !== null ? grant : null
}

function revocationEntry(context: Context, named: Readonly<Record<string, string>>) {
  return context.audit.entry({
    ...auditBase(context),
    activity: 'grant.revoke',
    outcome: 'success',
    reason: 'revokedByOperator',
    detail: { actor: context.caller.kind, ...named },
  })
}

async function revoke(selector: GrantSelector, named: { grantId?: string; target?: string }, context: Context) {
  const { store, snapshots, clock, audit, caller } = context
  const { grantId, target } = named
  const entry = audit.entry({
    ...auditBase(context),
    activity: 'grant.revoke',
    outcome: 'success',
    reason: caller.kind === 'token' && context.access === 'own' ? 'revokedByUser' : 'revokedByOperator',
    ...(grantId === undefined ? {} : { grantId: asGrantId(grantId) }),
    detail: { actor: caller.kind, ...(target === undefined ? {} : { target }) },
  })
  const cause = context.access === 'own' ? 'user' : 'operator'
  const ids = await store.grants.revoke(snapshots.current().tenant, selector, cause, clock.nowSeconds(), [entry])
  return ok({ kind: 'json' as const, status: 200 as const, body: { revoked: [...ids] } })
}

interface Names {
  username(tenant: TenantId, subject: SubjectId): Promise<string | null>
  clientName(grant: StoredGrant): Promise<string | null>
}

/** Looks each name up once per answer; a page has at most 200 grants. */
function createNames({ store, snapshots }: Context): Names {
  const users = new Map<string, string | null>()
  const clients = new Map<string, string | null>()
  return {
    username: async (tenant, subject) => {
      if (!users.has(subject)) users.set(subject, (await store.accounts.find(tenant, subject))?.username ?? null)
      return users.get(subject) ?? null
    },
    clientName: async ({ tenant, clientId }) => {
      const configured = snapshots.current().clients.get(clientId)
      if (configured !== undefined) return configured.name
      if (!clients.has(clientId)) {
        const client = await store.clients.find(tenant, clientId)
        clients.set(clientId, client === null ? null : describeClient(client).name)
      }
      return clients.get(clientId) ?? null
    },
  }
}

async function viewOf(grant: StoredGrant, names: Names, now: number): Promise<z.output<typeof grantView>> {
  return {
    grantId: grant.grantId,
    subject: grant.subject,
    username: await names.username(grant.tenant, grant.subject),
    clientId: grant.clientId,
    clientName: await names.clientName(grant),
    server: grant.server,
    scopes: [...grant.scopes],
    status: grant.revokedAt !== null ? 'revoked' : grant.expiresAt <= now ? 'expired' : 'live',
    createdAt: isoTime(grant.createdAt),
    expiresAt: isoTime(grant.expiresAt),
    revokedAt: grant.revokedAt === null ? null : isoTime(grant.revokedAt),
    revokedCause: grant.revokedCause,
  }
}

import { z } from 'zod'
import { ok, refused } from '#core/result.ts'
import type { PreregisteredClient } from '#core/snapshot.ts'
import type { StoredClient } from '#store/ports/clients.ts'
import { clientIdOf, clientKey } from './client-key.ts'
import { adminError, notFound } from './errors.ts'
import { checkIfMatch, etagOf } from './etag.ts'
import { type Answer, auditBase, type Context, NO_BODY, NOTHING, type Operation, operation } from './operation.ts'
import { isoTime, pageOf, pageQuery, toPageRequest } from './paging.ts'

const clientView = z.strictObject({
  key: z.string().describe('What names the client in paths.'),
  clientId: z.string(),
  name: z.string().describe("The client's own claim, unless `kind` is preregistered."),
  kind: z.enum(['dynamic', 'metadataDocument', 'preregistered']),
  status: z.enum(['pending', 'active', 'removed']),
  redirectUris: z.array(z.string()),
  createdAt: z.string().nullable().describe('Null for a client of the configuration.'),
  approvedAt: z.string().nullable(),
  approvedBy: z.string().nullable(),
  admittedBy: z
    .string()
    .nullable()
    .describe('What let it in without a person: `token:` and an id, or `statement:` and an issuer.'),
  lookalikes: z.array(z.string()).describe('Better known names that its name could be mistaken for.'),
})
const params = z.strictObject({ client: z.string().min(1).max(4_096).describe('`key` of the client.') })

export const clientOperations: readonly Operation[] = [
  operation({
    id: 'clients.list',
    method: 'GET',
    path: '/clients',
    summary: 'OAuth clients.',
    params: NOTHING,
    query: z.strictObject({ ...pageQuery, status: z.enum(['pending', 'active', 'removed']).optional() }),
    body: NO_BODY,
    answer: { status: 200, schema: pageOf(clientView) },
    run: async ({ query }, { store, snapshots }) => {
      const filter = query.status === undefined ? {} : { status: query.status }
      const page = await store.clients.list(snapshots.current().tenant, filter, toPageRequest(query))
      // Those of the configuration are few and stand before the first page.
      const isFirst = query.cursor === undefined && (query.status ?? 'active') === 'active'
      const configured = isFirst ? [...snapshots.current().clients.values()].map(viewOfConfigured) : []
      const items = [...configured, ...page.items.map(viewOf)]
      return ok({ kind: 'json', status: 200, body: { items, nextCursor: page.nextCursor } })
    },
  }),
  operation({
    id: 'clients.show',
    method: 'GET',
    path: '/clients/:client',
    summary: 'One OAuth client.',
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: clientView },
    run: async (input, context) => {
      const configured = context.snapshots.current().clients.get(clientIdOf(input.params.client))
      if (configured !== undefined) return ok({ kind: 'json', status: 200, body: viewOfConfigured(configured) })
      const client = await findClient(input.params.client, context)
      return client === null ? refused(notFound('client')) : ok(answerWith(client))
    },
  }),
  operation({
    id: 'clients.approve',
    method: 'POST',
    path: '/clients/:client/approve',
    summary: 'Lets a pending client in. People still consent one by one.',
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: clientView },
    run: async (input, context) => {
      const { store, clock, caller } = context
      if (isConfigured(input.params.client, context)) return refused(IN_CONFIGURATION)
      const client = await findClient(input.params.client, context)
      if (client === null) return refused(notFound('client'))
      const stale = checkIfMatch(input.ifMatch, etagOfClient(client))
      if (stale !== null) return refused(stale)
      const by = caller.kind === 'token' ? caller.subject : caller.kind
      const entry = clientEntry(context, 'client.approve', client)
      const outcome = await store.clients.approve(client.tenant, client.clientId, by, clock.nowSeconds(), [entry])
      if (outcome === 'unknown') return refused(notFound('client'))
      if (outcome === 'notPending')
        return refused(adminError('clientNotPending', `This client is ${client.status}, not pending.`))
      return showAgain(client, context)
    },
  }),
  operation({
    id: 'clients.remove',
    method: 'DELETE',
    path: '/clients/:client',
    summary: 'Removes a client and revokes every grant it holds.',
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: clientView },
    run: async (input, context) => {
      const { store, clock } = context
      if (isConfigured(input.params.client, context)) return refused(IN_CONFIGURATION)
      const client = await findClient(input.params.client, context)
      if (client === null || client.status === 'removed') return refused(notFound('client'))
      const stale = checkIfMatch(input.ifMatch, etagOfClient(client))
      if (stale !== null) return refused(stale)
      const entry = clientEntry(context, 'client.remove', client)
      const outcome = await store.clients.remove(client.tenant, client.clientId, clock.nowSeconds(), [entry])
      return outcome === 'unknown' ? refused(notFound('client')) : showAgain(client, context)
    },
  }),
]

const IN_CONFIGURATION = adminError(
  'clientInConfiguration',
  'This client is in the configuration: change it there. Its grants end with `sallyport grant revoke --client`.',
)

function isConfigured(key: string, { snapshots }: Context): boolean {
  return snapshots.current().clients.has(clientIdOf(key))
}

function viewOfConfigured({ clientId, name, redirectUris }: PreregisteredClient): z.output<typeof clientView> {
  return {
    key: clientKey(clientId),
    clientId,
    name,
    kind: 'preregistered',
    status: 'active',
    redirectUris: [...redirectUris],
    createdAt: null,
    approvedAt: null,
    approvedBy: null,
    admittedBy: null,
    lookalikes: [],
  }
}

function clientEntry(context: Context, activity: 'client.approve' | 'client.remove', client: StoredClient) {
  return context.audit.entry({
    ...auditBase(context),
    activity,
    outcome: 'success',
    // The record's own client is the one the operator used; the one acted on is the target.
    detail: { actor: context.caller.kind, target: client.clientId },
  })
}

async function showAgain(client: StoredClient, { store }: Context) {
  const after = await store.clients.find(client.tenant, client.clientId)
  return after === null ? refused(notFound('client')) : ok(answerWith(after))
}

async function findClient(key: string, { store, snapshots }: Context): Promise<StoredClient | null> {
  return store.clients.find(snapshots.current().tenant, clientIdOf(key))
}

function answerWith(client: StoredClient): Answer {
  return { kind: 'json', status: 200, body: viewOf(client), etag: etagOfClient(client) }
}

function etagOfClient(client: StoredClient): string {
  return etagOf(viewOf(client), client.metadata)
}

/** What a client says about itself; anything that is not as registered reads as empty. */
export function describeClient(client: StoredClient): { readonly name: string; readonly redirectUris: string[] } {
  const metadata: unknown = JSON.parse(client.metadata)
  const fields = typeof metadata === 'object' && metadata !== null ? (metadata as Record<string, unknown>) : {}
  const { client_name: name, redirect_uris: uris } = fields
  return {
    name: typeof name === 'string' ? name : '',
    redirectUris: Array.isArray(uris) ? uris.filter((uri): uri is string => typeof uri === 'string') : [],
  }
}

function viewOf(client: StoredClient): z.output<typeof clientView> {
  return {
    key: clientKey(client.clientId),
    clientId: client.clientId,
    ...describeClient(client),
    kind: client.kind,
    status: client.status,
    createdAt: isoTime(client.createdAt),
    approvedAt: client.approvedAt === null ? null : isoTime(client.approvedAt),
    approvedBy: client.approvedBy,
    admittedBy: client.admittedBy,
    lookalikes: [...client.lookalikes],
  }
}

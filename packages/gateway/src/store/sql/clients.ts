import type { Kysely } from 'kysely'
import { asClientId, asTenantId, type TenantId } from '#core/ids.ts'
import type { ClientsPort, NewClient, StoredClient } from '../ports/clients.ts'
import { addAuditEntries } from './audit-entries.ts'
import { lock, nextNumber } from './counters.ts'
import { endAccess } from './end-access.ts'
import { useInitialAccessToken } from './initial-access-tokens.ts'
import { readCursor, rowsToFetch, toPage } from './paging.ts'
import type { ClientsTable, Database } from './schema.ts'

export function createClients(db: Kysely<Database>): ClientsPort {
  return {
    async register(client, clientsMax, audit, admission) {
      await lock(db, client.tenant, 'clients')
      if ((await findRow(db, client.tenant, client.clientId)) !== undefined) return 'exists'
      const { count } = await db
        .selectFrom('clients')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('tenant', '=', client.tenant)
        .where('status', '!=', 'removed')
        .executeTakeFirstOrThrow()
      if (count >= clientsMax) return 'full'
      if (admission?.kind === 'statement') {
        const ofIssuer = await db
          .selectFrom('clients')
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .where('tenant', '=', client.tenant)
          .where('status', '!=', 'removed')
          .where('admitted_by', '=', `statement:${admission.issuer}`)
          .executeTakeFirstOrThrow()
        if (ofIssuer.count >= admission.clientsMax) return 'issuerFull'
      }
      if (admission?.kind === 'token' && !(await useInitialAccessToken(db, client.tenant, admission)))
        return 'tokenNotUsable'
      await db.insertInto('clients').values(toRow(client)).execute()
      await addAuditEntries(db, audit)
      return 'registered'
    },

    async find(tenant, clientId) {
      const row = await findRow(db, tenant, clientId)
      return row === undefined ? null : toClient(row)
    },

    async list(tenant, filter, page) {
      const after = readCursor(page, ['number', 'string'])
      const { status } = filter
      const rows = await db
        .selectFrom('clients')
        .selectAll()
        .where('tenant', '=', tenant)
        .$if(status !== undefined, (query) => query.where('status', '=', status ?? 'active'))
        .$if(after !== null, (query) =>
          query.where((eb) =>
            eb(eb.refTuple('created_at', 'client_id'), '<', eb.tuple(Number(after?.[0]), String(after?.[1]))),
          ),
        )
        .orderBy('created_at', 'desc')
        .orderBy('client_id', 'desc')
        .limit(rowsToFetch(page))
        .execute()
      return toPage(rows, page, (row) => [row.created_at, row.client_id], toClient)
    },

    async approve(tenant, clientId, approvedBy, now, audit) {
      const result = await db
        .updateTable('clients')
        .set({ status: 'active', approved_at: now, approved_by: approvedBy })
        .where('tenant', '=', tenant)
        .where('client_id', '=', clientId)
        .where('status', '=', 'pending')
        .executeTakeFirst()
      if (result.numUpdatedRows === 0n) {
        return (await findRow(db, tenant, clientId)) === undefined ? 'unknown' : 'notPending'
      }
      await addAuditEntries(db, audit)
      return 'approved'
    },

    async remove(tenant, clientId, now, audit) {
      const result = await db
        .updateTable('clients')
        // The tombstone explains who it was; a secret that can never be used again has no business in it.
        .set({ status: 'removed', sealed_secret: null, removed_cause: 'operator' })
        .where('tenant', '=', tenant)
        .where('client_id', '=', clientId)
        .where('status', '!=', 'removed')
        .executeTakeFirst()
      if (result.numUpdatedRows === 0n) return 'unknown'
      await endAccess(db, tenant, { clientId }, 'clientRemoved', now)
      await addAuditEntries(db, audit)
      return 'removed'
    },

    async collectPending(tenant, createdBefore, max) {
      const result = await db
        .deleteFrom('clients')
        .where('tenant', '=', tenant)
        .where('status', '=', 'pending')
        .where('client_id', 'in', (eb) =>
          eb
            .selectFrom('clients')
            .select('client_id')
            .where('tenant', '=', tenant)
            .where('status', '=', 'pending')
            .where('created_at', '<', createdBefore)
            .orderBy('created_at')
            .limit(max),
        )
        .executeTakeFirst()
      return Number(result.numDeletedRows)
    },

    async listUnused(tenant, unusedSince, now, max) {
      const rows = await unused(db, tenant, unusedSince, now).orderBy('created_at').limit(max).execute()
      return rows.map((row) => asClientId(row.client_id))
    },

    async removeUnused(tenant, clientId, unusedSince, now, audit) {
      // Whoever opens a grant takes a number first and then looks whether the client is there.
      await nextNumber(db, tenant, 'grants', 0)
      const found = await unused(db, tenant, unusedSince, now).where('client_id', '=', clientId).executeTakeFirst()
      if (found === undefined) return 'inUse'
      if (found.kind === 'metadataDocument')
        await db.deleteFrom('clients').where('tenant', '=', tenant).where('client_id', '=', clientId).execute()
      else
        await db
          .updateTable('clients')
          .set({ status: 'removed', sealed_secret: null, removed_cause: 'unused' })
          .where('tenant', '=', tenant)
          .where('client_id', '=', clientId)
          .execute()
      await addAuditEntries(db, audit)
      return 'removed'
    },
  }
}

/** What `listUnused` promises, as a query. */
function unused(db: Kysely<Database>, tenant: TenantId, unusedSince: number, now: number) {
  return db
    .selectFrom('clients')
    .select(['client_id', 'kind'])
    .where('tenant', '=', tenant)
    .where('status', '=', 'active')
    .where('kind', 'in', ['dynamic', 'metadataDocument'])
    .where((eb) => eb(eb.fn.coalesce('approved_at', 'created_at'), '<', unusedSince))
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('grants')
            .select('grant_id')
            .where('grants.tenant', '=', tenant)
            .whereRef('grants.client_id', '=', 'clients.client_id')
            .where((or) =>
              or.or([
                or('grants.created_at', '>=', unusedSince),
                or.and([or('grants.revoked_at', 'is', null), or('grants.expires_at', '>', now)]),
              ]),
            ),
        ),
      ),
    )
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('engine_documents')
            .select('id')
            .where('engine_documents.tenant', '=', tenant)
            .whereRef('engine_documents.client_id', '=', 'clients.client_id')
            .where('engine_documents.expires_at', '>', now),
        ),
      ),
    )
}

function findRow(db: Kysely<Database>, tenant: string, clientId: string): Promise<ClientsTable | undefined> {
  return db
    .selectFrom('clients')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('client_id', '=', clientId)
    .executeTakeFirst()
}

function toRow(client: NewClient): ClientsTable {
  return {
    tenant: client.tenant,
    client_id: client.clientId,
    kind: client.kind,
    status: client.status,
    metadata: client.metadata,
    sealed_secret: client.sealedSecret,
    created_at: client.createdAt,
    approved_at: client.approvedAt,
    approved_by: client.approvedBy,
    admitted_by: client.admittedBy ?? null,
    lookalikes: JSON.stringify(client.lookalikes ?? []),
    removed_cause: null,
  }
}

function toClient(row: ClientsTable): StoredClient {
  return {
    tenant: asTenantId(row.tenant),
    clientId: asClientId(row.client_id),
    kind: row.kind,
    status: row.status,
    metadata: row.metadata,
    sealedSecret: row.sealed_secret,
    createdAt: row.created_at,
    approvedAt: row.approved_at,
    approvedBy: row.approved_by,
    admittedBy: row.admitted_by,
    lookalikes: JSON.parse(row.lookalikes) as string[], // Written by `toRow`, from an array of strings.
    removedCause: row.removed_cause === 'operator' || row.removed_cause === 'unused' ? row.removed_cause : null,
  }
}

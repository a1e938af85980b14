import type { Kysely } from 'kysely'
import { asClientId, asTenantId } from '#core/ids.ts'
import type { ClientsPort, StoredClient } from '../ports/clients.ts'
import { addAuditEntries } from './audit-entries.ts'
import { lock } from './counters.ts'
import { endAccess } from './end-access.ts'
import { readCursor, rowsToFetch, toPage } from './paging.ts'
import type { ClientsTable, Database } from './schema.ts'

export function createClients(db: Kysely<Database>): ClientsPort {
  return {
    async register(client, clientsMax, audit) {
      await lock(db, client.tenant, 'clients')
      if ((await findRow(db, client.tenant, client.clientId)) !== undefined) return 'exists'
      const { count } = await db
        .selectFrom('clients')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('tenant', '=', client.tenant)
        .where('status', '!=', 'removed')
        .executeTakeFirstOrThrow()
      if (count >= clientsMax) return 'full'
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
        .set({ status: 'removed', sealed_secret: null })
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
  }
}

function findRow(db: Kysely<Database>, tenant: string, clientId: string): Promise<ClientsTable | undefined> {
  return db
    .selectFrom('clients')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('client_id', '=', clientId)
    .executeTakeFirst()
}

function toRow(client: StoredClient): ClientsTable {
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
  }
}

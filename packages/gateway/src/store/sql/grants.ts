import type { Kysely } from 'kysely'
import { asClientId, asGrantId, asServerId, asSubjectId, asTenantId } from '#core/ids.ts'
import type { GrantsPort, StoredGrant } from '../ports/grants.ts'
import { addAuditEntries } from './audit-entries.ts'
import { endAccess, endEverything, endGrant } from './end-access.ts'
import { announce } from './feed.ts'
import { readCursor, rowsToFetch, toPage } from './paging.ts'
import type { Database, GrantsTable } from './schema.ts'

export function createGrants(db: Kysely<Database>): GrantsPort {
  return {
    async find(tenant, grantId) {
      const row = await db
        .selectFrom('grants')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('grant_id', '=', grantId)
        .executeTakeFirst()
      return row === undefined ? null : toGrant(row)
    },

    async list(tenant, filter, page) {
      const after = readCursor(page, ['number'])
      const { subject, clientId, server, liveAt } = filter
      const rows = await db
        .selectFrom('grants')
        .selectAll()
        .where('tenant', '=', tenant)
        .$if(subject !== undefined, (query) => query.where('subject', '=', subject ?? ''))
        .$if(clientId !== undefined, (query) => query.where('client_id', '=', clientId ?? ''))
        .$if(server !== undefined, (query) => query.where('server', '=', server ?? ''))
        .$if(liveAt !== undefined, (query) =>
          query.where('revoked_at', 'is', null).where('expires_at', '>', liveAt ?? 0),
        )
        .$if(after !== null, (query) => query.where('number', '<', Number(after?.[0])))
        .orderBy('number', 'desc')
        .limit(rowsToFetch(page))
        .execute()
      return toPage(rows, page, (row) => [row.number], toGrant)
    },

    async revoke(tenant, selector, cause, now, audit) {
      await addAuditEntries(db, audit)
      if (!('grantId' in selector)) return endAccess(db, tenant, selector, cause, now)
      return (await endGrant(db, tenant, selector.grantId, cause, now)) ? [selector.grantId] : []
    },

    async revokeAll(tenant, cause, now, audit) {
      const ended = await endEverything(db, tenant, cause, now)
      await addAuditEntries(db, audit)
      return ended
    },

    async revokeToken(tenant, tokenId, expiresAt, now, audit) {
      await announce(db, { tenant, kind: 'token', id: tokenId, at: now, grantsBelow: null, concernsUntil: expiresAt })
      await addAuditEntries(db, audit)
    },
  }
}

export function toGrant(row: GrantsTable): StoredGrant {
  return {
    tenant: asTenantId(row.tenant),
    grantId: asGrantId(row.grant_id),
    number: row.number,
    subject: asSubjectId(row.subject),
    clientId: asClientId(row.client_id),
    server: asServerId(row.server),
    resource: row.resource,
    scopes: JSON.parse(row.scopes) as string[], // Written by `openGrant` in engine.ts, from an array of strings.
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    revokedCause: row.revoked_cause,
    clientDigest: row.client_digest,
    loginId: row.login_id,
  }
}

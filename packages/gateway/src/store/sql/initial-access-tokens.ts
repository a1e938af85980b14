import type { Kysely } from 'kysely'
import { asTenantId, type TenantId } from '#core/ids.ts'
import type { InitialAccessToken, InitialAccessTokensPort } from '../ports/initial-access-tokens.ts'
import { addAuditEntries } from './audit-entries.ts'
import { lock } from './counters.ts'
import { readCursor, rowsToFetch, toPage } from './paging.ts'
import type { Database, InitialAccessTokensTable } from './schema.ts'

export function createInitialAccessTokens(db: Kysely<Database>): InitialAccessTokensPort {
  const live = (tenant: TenantId, now: number) =>
    db
      .selectFrom('initial_access_tokens')
      .where('tenant', '=', tenant)
      .where('revoked_at', 'is', null)
      .where('expires_at', '>', now)
      .whereRef('uses', '<', 'uses_max')

  return {
    async create(token, tokensMax, audit) {
      await lock(db, token.tenant, 'clients')
      const { count } = await live(token.tenant, token.createdAt)
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      if (count >= tokensMax) return 'full'
      await db
        .insertInto('initial_access_tokens')
        .values({
          tenant: token.tenant,
          token_id: token.tokenId,
          name: token.name,
          hash: token.hash,
          uses: 0,
          uses_max: token.usesMax,
          created_at: token.createdAt,
          created_by: token.createdBy,
          expires_at: token.expiresAt,
          revoked_at: null,
        })
        .execute()
      await addAuditEntries(db, audit)
      return 'created'
    },

    async find(tenant, tokenId) {
      const row = await findRow(db, tenant, tokenId)
      return row === undefined ? null : toToken(row)
    },

    async list(tenant, { liveAt }, page) {
      const after = readCursor(page, ['number', 'string'])
      const query =
        liveAt === undefined
          ? db.selectFrom('initial_access_tokens').where('tenant', '=', tenant)
          : live(tenant, liveAt)
      const rows = await query
        .selectAll()
        .$if(after !== null, (narrowed) =>
          narrowed.where((eb) =>
            eb(eb.refTuple('created_at', 'token_id'), '<', eb.tuple(Number(after?.[0]), String(after?.[1]))),
          ),
        )
        .orderBy('created_at', 'desc')
        .orderBy('token_id', 'desc')
        .limit(rowsToFetch(page))
        .execute()
      return toPage(rows, page, (row) => [row.created_at, row.token_id], toToken)
    },

    async revoke(tenant, tokenId, now, audit) {
      const result = await db
        .updateTable('initial_access_tokens')
        .set({ revoked_at: now })
        .where('tenant', '=', tenant)
        .where('token_id', '=', tokenId)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .whereRef('uses', '<', 'uses_max')
        .executeTakeFirst()
      if (result.numUpdatedRows !== 1n)
        return (await findRow(db, tenant, tokenId)) === undefined ? 'unknown' : 'notLive'
      await addAuditEntries(db, audit)
      return 'revoked'
    },
  }
}

/** One use, if there is one left at this moment. Part of the registration's transaction. */
export async function useInitialAccessToken(
  db: Kysely<Database>,
  tenant: TenantId,
  { tokenId, hash, now }: { readonly tokenId: string; readonly hash: string; readonly now: number },
): Promise<boolean> {
  const result = await db
    .updateTable('initial_access_tokens')
    .set((eb) => ({ uses: eb('uses', '+', 1) }))
    .where('tenant', '=', tenant)
    .where('token_id', '=', tokenId)
    .where('hash', '=', hash)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .whereRef('uses', '<', 'uses_max')
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

function findRow(
  db: Kysely<Database>,
  tenant: TenantId,
  tokenId: string,
): Promise<InitialAccessTokensTable | undefined> {
  return db
    .selectFrom('initial_access_tokens')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('token_id', '=', tokenId)
    .executeTakeFirst()
}

function toToken(row: InitialAccessTokensTable): InitialAccessToken {
  return {
    tenant: asTenantId(row.tenant),
    tokenId: row.token_id,
    name: row.name,
    hash: row.hash,
    uses: row.uses,
    usesMax: row.uses_max,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  }
}

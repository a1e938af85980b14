import type { Kysely } from 'kysely'
import { asSubjectId, asTenantId, type SubjectId, type TenantId } from '#core/ids.ts'
import type { Account, AccountsPort } from '../ports/accounts.ts'
import { addAuditEntries } from './audit-entries.ts'
import { lock } from './counters.ts'
import { endAccess } from './end-access.ts'
import { announce } from './feed.ts'
import { readCursor, rowsToFetch, toPage } from './paging.ts'
import { rollBack } from './roll-back.ts'
import type { AccountsTable, Database } from './schema.ts'

export function createAccounts(db: Kysely<Database>): AccountsPort {
  return {
    async create(account, audit) {
      // Against createFirst: an account made meanwhile must close the setup link.
      await lock(db, account.tenant, 'accounts')
      if (!(await insertAccount(db, account))) return 'usernameTaken'
      await addAuditEntries(db, audit)
      return 'created'
    },

    async issueSetupLink(tenant, linkHash, expiresAt) {
      const link = { link_hash: linkHash, expires_at: expiresAt, used_at: null }
      await db
        .insertInto('setup_links')
        .values({ tenant, ...link })
        .onConflict((conflict) => conflict.column('tenant').doUpdateSet(link))
        .execute()
    },

    async setupLinkIsValid(tenant, linkHash, now) {
      const link = await db
        .selectFrom('setup_links')
        .select('tenant')
        .where('tenant', '=', tenant)
        .where('link_hash', '=', linkHash)
        .where('used_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      return link !== undefined && (await count(db, tenant)) === 0
    },

    async createFirst(account, linkHash, now, audit) {
      await lock(db, account.tenant, 'accounts')
      if ((await count(db, account.tenant)) > 0) return rollBack<'alreadySetUp'>('alreadySetUp')
      const used = await db
        .updateTable('setup_links')
        .set({ used_at: now })
        .where('tenant', '=', account.tenant)
        .where('link_hash', '=', linkHash)
        .where('used_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      if (used.numUpdatedRows === 0n) return rollBack<'linkInvalid'>('linkInvalid')
      await insertAccount(db, account)
      await addAuditEntries(db, audit)
      return 'created'
    },

    count: (tenant) => count(db, tenant),

    async find(tenant, subject) {
      const row = await db
        .selectFrom('accounts')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('subject', '=', subject)
        .executeTakeFirst()
      return row === undefined ? null : toAccount(row)
    },

    async findByUsername(tenant, username) {
      const row = await db
        .selectFrom('accounts')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('username', '=', username)
        .executeTakeFirst()
      return row === undefined ? null : toAccount(row)
    },

    async list(tenant, page) {
      const after = readCursor(page, ['string'])
      const rows = await db
        .selectFrom('accounts')
        .selectAll()
        .where('tenant', '=', tenant)
        .$if(after !== null, (query) => query.where('username', '>', String(after?.[0])))
        .orderBy('username')
        .limit(rowsToFetch(page))
        .execute()
      return toPage(rows, page, (row) => [row.username], toAccount)
    },

    async setPassword(tenant, subject, passwordHash, now, audit) {
      if (!(await update(db, tenant, subject, { password_hash: passwordHash, password_changed_at: now }))) {
        return 'unknown'
      }
      await endAccess(db, tenant, { subject }, 'passwordChanged', now)
      await addAuditEntries(db, audit)
      return 'changed'
    },

    async setRoles(tenant, subject, roles, now, audit) {
      if (!(await update(db, tenant, subject, { roles: JSON.stringify(roles) }))) return 'unknown'
      await announceMembership(db, tenant, subject, now)
      await addAuditEntries(db, audit)
      return 'changed'
    },

    async setStatus(tenant, subject, status, now, audit) {
      if (!(await update(db, tenant, subject, { status }))) return 'unknown'
      if (status !== 'active') await endAccess(db, tenant, { subject }, 'accountDisabled', now)
      await announceMembership(db, tenant, subject, now)
      await addAuditEntries(db, audit)
      return 'changed'
    },
  }
}

export async function insertAccount(db: Kysely<Database>, account: Account): Promise<boolean> {
  const result = await db
    .insertInto('accounts')
    .values({
      tenant: account.tenant,
      subject: account.subject,
      username: account.username,
      display_name: account.displayName,
      password_hash: account.passwordHash,
      roles: JSON.stringify(account.roles),
      status: account.status,
      created_at: account.createdAt,
      password_changed_at: account.passwordChangedAt,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'username']).doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

async function update(
  db: Kysely<Database>,
  tenant: TenantId,
  subject: SubjectId,
  changes: Partial<AccountsTable>,
): Promise<boolean> {
  const result = await db
    .updateTable('accounts')
    .set(changes)
    .where('tenant', '=', tenant)
    .where('subject', '=', subject)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

async function count(db: Kysely<Database>, tenant: TenantId): Promise<number> {
  const row = await db
    .selectFrom('accounts')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow()
  return row.count
}

function announceMembership(db: Kysely<Database>, tenant: TenantId, subject: SubjectId, at: number): Promise<void> {
  return announce(db, { tenant, kind: 'membership', id: subject, at, grantsBelow: null, concernsUntil: at })
}

function toAccount(row: AccountsTable): Account {
  return {
    tenant: asTenantId(row.tenant),
    subject: asSubjectId(row.subject),
    username: row.username,
    displayName: row.display_name,
    passwordHash: row.password_hash,
    roles: JSON.parse(row.roles) as string[], // Written by `insert` and `update` above, from an array of strings.
    status: row.status,
    createdAt: row.created_at,
    passwordChangedAt: row.password_changed_at,
  }
}

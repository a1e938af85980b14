import type { Kysely } from 'kysely'
import { asSubjectId, asTenantId } from '#core/ids.ts'
import type { AccountLink, AccountLinksPort } from '../ports/account-links.ts'
import { insertAccount } from './accounts.ts'
import { addAuditEntries } from './audit-entries.ts'
import { lock } from './counters.ts'
import type { AccountLinksTable, Database } from './schema.ts'

/** An account has one identity at each of a few issuers. */
const LINKS_MAX = 100

export function createAccountLinks(db: Kysely<Database>): AccountLinksPort {
  const at = (tenant: string, issuer: string, externalSubject: string) =>
    db
      .selectFrom('account_links')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('issuer', '=', issuer)
      .where('external_subject', '=', externalSubject)
      .executeTakeFirst()
  return {
    async link(link, { onlyFirst }, audit) {
      const { tenant, issuer, externalSubject, subject } = link
      // Held until the commit: of two who link at once, the second sees what the first did.
      await lock(db, tenant, 'accounts')
      const known = await at(tenant, issuer, externalSubject)
      if (known !== undefined) return known.subject === subject ? 'linked' : 'taken'
      const account = await db
        .selectFrom('accounts')
        .select('subject')
        .where('tenant', '=', tenant)
        .where('subject', '=', subject)
        .where('status', '=', 'active')
        .executeTakeFirst()
      if (account === undefined) return 'unknown'
      const other = await db
        .selectFrom('account_links')
        .select('external_subject')
        .where('tenant', '=', tenant)
        .where('subject', '=', subject)
        .where('issuer', '=', issuer)
        .executeTakeFirst()
      if (onlyFirst && other !== undefined) return 'hasOther'
      await db.insertInto('account_links').values(toRow(link)).execute()
      await addAuditEntries(db, audit)
      return 'linked'
    },

    async openAccount(account, link, audit) {
      const { tenant, issuer, externalSubject } = link
      await lock(db, tenant, 'accounts')
      if ((await at(tenant, issuer, externalSubject)) !== undefined) return 'taken'
      if (!(await insertAccount(db, account))) return 'usernameTaken'
      await db.insertInto('account_links').values(toRow(link)).execute()
      await addAuditEntries(db, audit)
      return 'opened'
    },

    async find(tenant, issuer, externalSubject) {
      const row = await at(tenant, issuer, externalSubject)
      return row === undefined ? null : toLink(row)
    },

    async list(tenant, subject) {
      const rows = await db
        .selectFrom('account_links')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('subject', '=', subject)
        .orderBy('issuer')
        .orderBy('external_subject')
        .limit(LINKS_MAX)
        .execute()
      return rows.map(toLink)
    },

    async unlink(tenant, { issuer, externalSubject, subject }, audit) {
      const result = await db
        .deleteFrom('account_links')
        .where('tenant', '=', tenant)
        .where('issuer', '=', issuer)
        .where('external_subject', '=', externalSubject)
        .where('subject', '=', subject)
        .executeTakeFirst()
      if (result.numDeletedRows !== 1n) return 'unknown'
      await addAuditEntries(db, audit)
      return 'unlinked'
    },
  }
}

function toRow(link: AccountLink): AccountLinksTable {
  return {
    tenant: link.tenant,
    issuer: link.issuer,
    external_subject: link.externalSubject,
    subject: link.subject,
    linked_at: link.linkedAt,
    linked_by: link.linkedBy,
  }
}

function toLink(row: AccountLinksTable): AccountLink {
  return {
    tenant: asTenantId(row.tenant),
    issuer: row.issuer,
    externalSubject: row.external_subject,
    subject: asSubjectId(row.subject),
    linkedAt: row.linked_at,
    linkedBy: row.linked_by,
  }
}

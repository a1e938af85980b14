import type { ExpressionBuilder, Kysely } from 'kysely'
import { asGrantId, asSubjectId, asTenantId, type SubjectId, type TenantId } from '#core/ids.ts'
import type { EndedElsewhere, EndReach, ProviderLogin, ProviderLoginsPort } from '../ports/provider-logins.ts'
import { addAuditEntries } from './audit-entries.ts'
import { lock } from './counters.ts'
import { endAccess, endGrant } from './end-access.ts'
import { announce } from './feed.ts'
import { rollBack } from './roll-back.ts'
import type { Database, ProviderLoginsTable } from './schema.ts'

/** What a provider ended is remembered for so long; a login under way takes minutes. */
const REMEMBERED_SECONDS = 24 * 3600
/** Of one person at one provider; more are ended in several steps by whoever asks again. */
const LOGINS_MAX = 1_000

type EndResult = Awaited<ReturnType<ProviderLoginsPort['endElsewhere']>>

export function createProviderLogins(db: Kysely<Database>): ProviderLoginsPort {
  const live = (tenant: TenantId) =>
    db.selectFrom('provider_logins').where('tenant', '=', tenant).where('ended_at', 'is', null)
  return {
    async begin(login) {
      const { tenant, issuer, externalSubject, sid, authenticatedAt } = login
      // One at a time with `endElsewhere`: whichever is second sees the first.
      await lock(db, tenant, 'accounts')
      const over = await db
        .selectFrom('provider_logins')
        .select('login_id')
        .where('tenant', '=', tenant)
        .where('issuer', '=', issuer)
        // What `remember` left. A login that merely ended with others may come again.
        .where('subject', 'is', null)
        .where((eb) =>
          eb.or([
            ...(sid === null ? [] : [eb('sid', '=', sid)]),
            // A person who is gone proves themselves anew; what they proved before says nothing any more.
            eb.and([
              eb('external_subject', '=', externalSubject),
              eb('sid', 'is', null),
              eb('ended_at', '>', authenticatedAt),
            ]),
          ]),
        )
        .executeTakeFirst()
      if (over !== undefined) return 'ended'
      await db.insertInto('provider_logins').values(toRow(login)).execute()
      return 'begun'
    },

    async find(tenant, loginId) {
      const row = await db
        .selectFrom('provider_logins')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('login_id', '=', loginId)
        .executeTakeFirst()
      return row === undefined ? null : toLogin(row)
    },

    async subjectsOf(tenant, whom) {
      return subjectsOf(db, tenant, whom, await liveLogins(db, tenant, whom))
    },

    async endElsewhere(tenant, whom, { reach, cause, mark, markEndsAt, now }, audit) {
      await lock(db, tenant, 'accounts')
      const marked = await db
        .insertInto('used_proofs')
        .values({ tenant, id: mark, expires_at: markEndsAt })
        .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
        .executeTakeFirst()
      if (marked.numInsertedOrUpdatedRows !== 1n) return rollBack<EndResult>({ outcome: 'replayed' })
      const logins = await liveLogins(db, tenant, whom)
      const subjects = await subjectsOf(db, tenant, whom, logins)
      await remember(db, tenant, whom, { cause, mark, now })
      const ended = await endLogins(db, tenant, { logins, subjects, reach }, cause, now)
      await addAuditEntries(db, audit)
      return { outcome: 'ended', logins: ended }
    },

    async end(tenant, loginId, { reach, cause, now }, audit) {
      await lock(db, tenant, 'accounts')
      const row = await live(tenant).select('subject').where('login_id', '=', loginId).executeTakeFirst()
      if (row === undefined || row.subject === null) return false
      const subject = asSubjectId(row.subject)
      await endLogins(db, tenant, { logins: [{ loginId, subject }], subjects: [subject], reach }, cause, now)
      await addAuditEntries(db, audit)
      return true
    },

    async listDue(tenant, now, max) {
      const rows = await live(tenant)
        .selectAll()
        .where('check_due_at', '<=', now)
        // Also of a login that is over: its person may hold API keys.
        .where((eb) => eb.or([eb('expires_at', '>', now), holdsGrants(eb, now)]))
        .orderBy('check_due_at')
        .limit(max)
        .execute()
      return rows.map(toLogin).filter((login) => login !== null)
    },

    async listOfOthers(tenant, providers, max) {
      const rows = await live(tenant)
        .selectAll()
        .where('subject', 'is not', null)
        .$if(providers.length > 0, (query) =>
          query.where((eb) => eb.not(eb.or(providers.map(({ name, issuer }) => eb.and({ provider: name, issuer }))))),
        )
        .limit(max)
        .execute()
      return rows.map(toLogin).filter((login) => login !== null)
    },

    async claimCheck(tenant, loginId, seenDueAt, until) {
      const row = await db
        .updateTable('provider_logins')
        .set({ check_due_at: until })
        .where('tenant', '=', tenant)
        .where('login_id', '=', loginId)
        .where('ended_at', 'is', null)
        .where('refresh_token', 'is not', null)
        .where('check_due_at', '=', seenDueAt)
        .returningAll()
        .executeTakeFirst()
      return row === undefined ? null : toLogin(row)
    },

    async confirm(tenant, loginId, { refreshToken, checkedAt, checkDueAt }, audit) {
      const before = await live(tenant)
        .select(['subject', 'suspended_at'])
        .where('login_id', '=', loginId)
        .executeTakeFirst()
      const result = await db
        .updateTable('provider_logins')
        .set({ refresh_token: refreshToken, checked_at: checkedAt, check_due_at: checkDueAt, suspended_at: null })
        .where('tenant', '=', tenant)
        .where('login_id', '=', loginId)
        .where('ended_at', 'is', null)
        .executeTakeFirst()
      if (before === undefined || before.subject === null || result.numUpdatedRows !== 1n) return false
      if (before.suspended_at !== null) {
        await addAuditEntries(db, audit)
        await announceMembership(db, tenant, before.subject, checkedAt)
      }
      return true
    },

    async suspend(tenant, loginId, now, audit) {
      const row = await db
        .updateTable('provider_logins')
        .set({ suspended_at: now })
        .where('tenant', '=', tenant)
        .where('login_id', '=', loginId)
        .where('ended_at', 'is', null)
        .where('suspended_at', 'is', null)
        .returning('subject')
        .executeTakeFirst()
      if (row === undefined || row.subject === null) return false
      await addAuditEntries(db, audit)
      await announceMembership(db, tenant, row.subject, now)
      return true
    },

    async isSuspended(tenant, subject) {
      const row = await live(tenant)
        .select('login_id')
        .where('subject', '=', subject)
        .where('suspended_at', 'is not', null)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    },

    async collect(now, max) {
      const result = await db
        .deleteFrom('provider_logins')
        .where((eb) =>
          eb(
            eb.refTuple('tenant', 'login_id'),
            'in',
            eb
              .selectFrom('provider_logins')
              .select(['tenant', 'login_id'])
              .where('expires_at', '<', now - REMEMBERED_SECONDS)
              // As long as it can be asked about, and there is something to take away.
              .where((row) => row.not(row.and([row('check_due_at', 'is not', null), holdsGrants(row, now)])))
              .limit(max)
              .$asTuple('tenant', 'login_id'),
          ),
        )
        .executeTakeFirst()
      return Number(result.numDeletedRows)
    },
  }
}

/** The person's own row is held until the commit by the update; a login that has ended opens nothing. */
export async function requireLogin(
  db: Kysely<Database>,
  tenant: TenantId,
  loginId: string,
  at: number,
): Promise<boolean> {
  const result = await db
    .updateTable('provider_logins')
    .set({ ended_at: null })
    .where('tenant', '=', tenant)
    .where('login_id', '=', loginId)
    .where('ended_at', 'is', null)
    .where('suspended_at', 'is', null)
    .where('expires_at', '>', at)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Whether the person of this row holds anything. */
function holdsGrants(eb: ExpressionBuilder<Database, 'provider_logins'>, now: number) {
  return eb.exists(
    eb
      .selectFrom('grants')
      .select('grants.grant_id')
      .whereRef('grants.tenant', '=', 'provider_logins.tenant')
      .whereRef('grants.subject', '=', 'provider_logins.subject')
      .where('grants.revoked_at', 'is', null)
      .where('grants.expires_at', '>', now),
  )
}

function announceMembership(db: Kysely<Database>, tenant: TenantId, subject: string, now: number): Promise<void> {
  return announce(db, { tenant, kind: 'membership', id: subject, at: now, grantsBelow: null, concernsUntil: now })
}

interface LiveLogin {
  readonly loginId: string
  readonly subject: SubjectId
}

async function liveLogins(
  db: Kysely<Database>,
  tenant: TenantId,
  { issuer, externalSubject, sid }: EndedElsewhere,
): Promise<readonly LiveLogin[]> {
  const rows = await db
    .selectFrom('provider_logins')
    .select(['login_id', 'subject'])
    .where('tenant', '=', tenant)
    .where('issuer', '=', issuer)
    .where('ended_at', 'is', null)
    // OpenID Connect Back-Channel Logout §2.4: with both, that session of that person; a token without either names nobody.
    .where((eb) =>
      sid === null && externalSubject === null
        ? eb.lit(false)
        : eb.and([
            ...(sid === null ? [] : [eb('sid', '=', sid)]),
            ...(externalSubject === null ? [] : [eb('external_subject', '=', externalSubject)]),
          ]),
    )
    .limit(LOGINS_MAX)
    .execute()
  return rows.flatMap(({ login_id, subject }) =>
    subject === null ? [] : [{ loginId: login_id, subject: asSubjectId(subject) }],
  )
}

/** Of the logins, and whoever is linked with the person named: who came in by an assertion or by an API key has no login here. */
async function subjectsOf(
  db: Kysely<Database>,
  tenant: TenantId,
  { issuer, externalSubject }: EndedElsewhere,
  logins: readonly LiveLogin[],
): Promise<readonly SubjectId[]> {
  const linked =
    externalSubject === null
      ? undefined
      : await db
          .selectFrom('account_links')
          .select('subject')
          .where('tenant', '=', tenant)
          .where('issuer', '=', issuer)
          .where('external_subject', '=', externalSubject)
          .executeTakeFirst()
  const subjects = [
    ...logins.map(({ subject }) => subject),
    ...(linked === undefined ? [] : [asSubjectId(linked.subject)]),
  ]
  return [...new Set(subjects)]
}

/** A row of its own, ended from the start: it stops whoever is on the way back from the provider at this moment. */
async function remember(
  db: Kysely<Database>,
  tenant: TenantId,
  { provider, issuer, externalSubject, sid }: EndedElsewhere,
  { cause, mark, now }: { readonly cause: string; readonly mark: string; readonly now: number },
): Promise<void> {
  await db
    .insertInto('provider_logins')
    .values({
      tenant,
      login_id: mark,
      provider,
      issuer,
      external_subject: externalSubject,
      sid,
      subject: null,
      authenticated_at: now,
      expires_at: now,
      refresh_token: null,
      checked_at: now,
      check_due_at: null,
      suspended_at: null,
      ended_at: now,
      ended_cause: cause,
    })
    .execute()
}

/** Part of the caller's transaction. Answers how many logins were live. */
async function endLogins(
  db: Kysely<Database>,
  tenant: TenantId,
  whose: { readonly logins: readonly LiveLogin[]; readonly subjects: readonly SubjectId[]; readonly reach: EndReach },
  cause: string,
  now: number,
): Promise<number> {
  const { logins, subjects, reach } = whose
  let ended = 0
  const mark = (column: 'login_id' | 'subject', id: string) =>
    db
      .updateTable('provider_logins')
      .set({ ended_at: now, ended_cause: cause, refresh_token: null, check_due_at: null })
      .where('tenant', '=', tenant)
      .where(column, '=', id)
      .where('ended_at', 'is', null)
      .executeTakeFirst()
  if (reach === 'everything') {
    for (const subject of subjects) {
      ended += Number((await mark('subject', subject)).numUpdatedRows)
      await endAccess(db, tenant, { subject }, cause, now)
    }
    return ended
  }
  for (const { loginId, subject } of logins) {
    ended += Number((await mark('login_id', loginId)).numUpdatedRows)
    const grants = await db
      .selectFrom('grants')
      .select('grant_id')
      .where('tenant', '=', tenant)
      .where('login_id', '=', loginId)
      .where('revoked_at', 'is', null)
      .orderBy('number')
      .execute()
    for (const { grant_id } of grants) await endGrant(db, tenant, asGrantId(grant_id), cause, now)
    await db
      .deleteFrom('engine_documents')
      .where('tenant', '=', tenant)
      .where('model', '=', 'Session')
      .where('account_id', '=', subject)
      .execute()
  }
  return ended
}

function toRow(login: Parameters<ProviderLoginsPort['begin']>[0]): ProviderLoginsTable {
  return {
    tenant: login.tenant,
    login_id: login.loginId,
    provider: login.provider,
    issuer: login.issuer,
    external_subject: login.externalSubject,
    sid: login.sid,
    subject: login.subject,
    authenticated_at: login.authenticatedAt,
    expires_at: login.expiresAt,
    refresh_token: login.refreshToken,
    checked_at: login.checkedAt,
    check_due_at: login.checkDueAt,
    suspended_at: null,
    ended_at: null,
    ended_cause: null,
  }
}

/** Null for what `remember` left: that is nobody's login. */
function toLogin(row: ProviderLoginsTable): ProviderLogin | null {
  if (row.subject === null || row.external_subject === null) return null
  return {
    tenant: asTenantId(row.tenant),
    loginId: row.login_id,
    provider: row.provider,
    issuer: row.issuer,
    externalSubject: row.external_subject,
    sid: row.sid,
    subject: asSubjectId(row.subject),
    authenticatedAt: row.authenticated_at,
    expiresAt: row.expires_at,
    refreshToken: row.refresh_token,
    checkedAt: row.checked_at,
    checkDueAt: row.check_due_at,
    suspendedAt: row.suspended_at,
    endedAt: row.ended_at,
    endedCause: row.ended_cause,
  }
}

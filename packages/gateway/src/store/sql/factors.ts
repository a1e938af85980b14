import type { Kysely } from 'kysely'
import { asSubjectId, asTenantId, type SubjectId, type TenantId } from '#core/ids.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { FactorRemoval, FactorsPort, Passkey } from '../ports/factors.ts'
import { addAuditEntries } from './audit-entries.ts'
import { lock } from './counters.ts'
import { rollBack } from './roll-back.ts'
import type { Database, PasskeysTable } from './schema.ts'

export function createFactors(db: Kysely<Database>): FactorsPort {
  const passkeysOf = (tenant: TenantId, subject: SubjectId) =>
    db.selectFrom('passkeys').selectAll().where('tenant', '=', tenant).where('subject', '=', subject)
  const totpOf = (tenant: TenantId, subject: SubjectId) =>
    db
      .selectFrom('totp_secrets')
      .select(['sealed', 'last_step'])
      .where('tenant', '=', tenant)
      .where('subject', '=', subject)
      .executeTakeFirst()
  /** Recovery codes stand in for a factor; without one they would be a second password that nobody asks for. */
  const afterRemoval = async (
    tenant: TenantId,
    subject: SubjectId,
    keepsLast: boolean,
    audit: readonly AuditEntry[],
  ): Promise<FactorRemoval> => {
    if (!(await hasFactor(db, tenant, subject))) {
      if (keepsLast) return rollBack<FactorRemoval>('last')
      await db.deleteFrom('recovery_codes').where('tenant', '=', tenant).where('subject', '=', subject).execute()
    }
    await addAuditEntries(db, audit)
    return 'removed'
  }
  return {
    async of(tenant, subject) {
      const [totp, codes, passkeys] = [
        await totpOf(tenant, subject),
        await countRecoveryCodes(db, tenant, subject),
        await passkeysOf(tenant, subject).orderBy('created_at').orderBy('credential_id').execute(),
      ]
      return { hasTotp: totp !== undefined, recoveryCodesLeft: codes, passkeys: passkeys.map(toPasskey) }
    },

    async findTotp(tenant, subject) {
      const row = await totpOf(tenant, subject)
      return row === undefined ? null : { sealed: row.sealed, lastStep: row.last_step }
    },

    async enrolTotp(tenant, subject, { sealed, lastStep, createdAt }, hashes, { mustBeFirst }, audit) {
      // Whether there are recovery codes is looked at before they are made.
      await lock(db, tenant, 'accounts')
      if ((await totpOf(tenant, subject)) !== undefined) return 'enrolledAlready'
      if (mustBeFirst && (await hasFactor(db, tenant, subject))) return 'notFirst'
      await db
        .insertInto('totp_secrets')
        .values({ tenant, subject, sealed, last_step: lastStep, created_at: createdAt })
        .execute()
      await addFirstRecoveryCodes(db, tenant, subject, hashes, createdAt)
      await addAuditEntries(db, audit)
      return 'enrolled'
    },

    async useTotp(tenant, subject, step) {
      const result = await db
        .updateTable('totp_secrets')
        .set({ last_step: step })
        .where('tenant', '=', tenant)
        .where('subject', '=', subject)
        .where('last_step', '<', step)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n ? 'accepted' : 'used'
    },

    async removeTotp(tenant, subject, { keepsLast }, audit) {
      // Whether another one is left is looked at by one after the other.
      await lock(db, tenant, 'accounts')
      const result = await db
        .deleteFrom('totp_secrets')
        .where('tenant', '=', tenant)
        .where('subject', '=', subject)
        .executeTakeFirst()
      if (result.numDeletedRows !== 1n) return 'unknown'
      return afterRemoval(tenant, subject, keepsLast, audit)
    },

    async replaceRecoveryCodes(tenant, subject, hashes, now, audit) {
      // One after the other: of two who make new ones, the second takes away the first's.
      await lock(db, tenant, 'accounts')
      await db.deleteFrom('recovery_codes').where('tenant', '=', tenant).where('subject', '=', subject).execute()
      await addRecoveryCodes(db, tenant, subject, hashes, now)
      await addAuditEntries(db, audit)
    },

    async useRecoveryCode(tenant, subject, hash, now, audit) {
      const result = await db
        .updateTable('recovery_codes')
        .set({ used_at: now })
        .where('tenant', '=', tenant)
        .where('subject', '=', subject)
        .where('code_hash', '=', hash)
        .where('used_at', 'is', null)
        .executeTakeFirst()
      if (result.numUpdatedRows !== 1n) return 'unknown'
      await addAuditEntries(db, audit)
      return 'accepted'
    },

    async addPasskey(passkey, { max, mustBeFirst }, hashes, audit) {
      const { tenant, subject } = passkey
      // Counted and inserted one after the other.
      await lock(db, tenant, 'accounts')
      const known = await passkeysOf(tenant, subject).execute()
      if (mustBeFirst && (await hasFactor(db, tenant, subject))) return 'notFirst'
      if (known.length >= max) return 'full'
      const result = await db
        .insertInto('passkeys')
        .values(toRow(passkey))
        .onConflict((conflict) => conflict.columns(['tenant', 'credential_id']).doNothing())
        .executeTakeFirst()
      if (result.numInsertedOrUpdatedRows !== 1n) return rollBack<'added' | 'taken' | 'full' | 'notFirst'>('taken')
      await addFirstRecoveryCodes(db, tenant, subject, hashes, passkey.createdAt)
      await addAuditEntries(db, audit)
      return 'added'
    },

    async findPasskey(tenant, credentialId) {
      const row = await db
        .selectFrom('passkeys')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('credential_id', '=', credentialId)
        .executeTakeFirst()
      return row === undefined ? null : toPasskey(row)
    },

    async usePasskey(tenant, credentialId, { counterSeen, counter, at }) {
      const result = await db
        .updateTable('passkeys')
        .set({ counter, last_used_at: at })
        .where('tenant', '=', tenant)
        .where('credential_id', '=', credentialId)
        .where('counter', '=', counterSeen)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n ? 'accepted' : 'overtaken'
    },

    async removePasskey(tenant, subject, credentialId, { keepsLast }, audit) {
      await lock(db, tenant, 'accounts')
      const result = await db
        .deleteFrom('passkeys')
        .where('tenant', '=', tenant)
        .where('subject', '=', subject)
        .where('credential_id', '=', credentialId)
        .executeTakeFirst()
      if (result.numDeletedRows !== 1n) return 'unknown'
      return afterRemoval(tenant, subject, keepsLast, audit)
    },

    async reset(tenant, subject, audit) {
      let removed = 0n
      for (const table of ['totp_secrets', 'passkeys', 'recovery_codes'] as const) {
        const result = await db
          .deleteFrom(table)
          .where('tenant', '=', tenant)
          .where('subject', '=', subject)
          .executeTakeFirst()
        removed += result.numDeletedRows
      }
      if (removed === 0n) return false
      await db
        .deleteFrom('engine_documents')
        .where('tenant', '=', tenant)
        .where('model', '=', 'Session')
        .where('account_id', '=', subject)
        .execute()
      await addAuditEntries(db, audit)
      return true
    },
  }
}

async function countRecoveryCodes(db: Kysely<Database>, tenant: TenantId, subject: SubjectId): Promise<number> {
  const row = await db
    .selectFrom('recovery_codes')
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .where('tenant', '=', tenant)
    .where('subject', '=', subject)
    .where('used_at', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

async function addFirstRecoveryCodes(
  db: Kysely<Database>,
  tenant: TenantId,
  subject: SubjectId,
  hashes: readonly string[],
  now: number,
): Promise<void> {
  if ((await countRecoveryCodes(db, tenant, subject)) === 0) await addRecoveryCodes(db, tenant, subject, hashes, now)
}

async function addRecoveryCodes(
  db: Kysely<Database>,
  tenant: TenantId,
  subject: SubjectId,
  hashes: readonly string[],
  now: number,
): Promise<void> {
  if (hashes.length === 0) return
  const rows = hashes.map((hash) => ({ tenant, subject, code_hash: hash, created_at: now, used_at: null }))
  await db.insertInto('recovery_codes').values(rows).execute()
}

async function hasFactor(db: Kysely<Database>, tenant: TenantId, subject: SubjectId): Promise<boolean> {
  const factor = await db
    .selectFrom('totp_secrets')
    .select('subject')
    .where('tenant', '=', tenant)
    .where('subject', '=', subject)
    .union(db.selectFrom('passkeys').select('subject').where('tenant', '=', tenant).where('subject', '=', subject))
    .executeTakeFirst()
  return factor !== undefined
}

function toRow(passkey: Passkey): PasskeysTable {
  return {
    tenant: passkey.tenant,
    credential_id: passkey.credentialId,
    subject: passkey.subject,
    name: passkey.name,
    public_key: passkey.publicKey,
    counter: passkey.counter,
    is_synced: passkey.isSynced ? 1 : 0,
    created_at: passkey.createdAt,
    last_used_at: passkey.lastUsedAt,
  }
}

function toPasskey(row: PasskeysTable): Passkey {
  return {
    tenant: asTenantId(row.tenant),
    credentialId: row.credential_id,
    subject: asSubjectId(row.subject),
    name: row.name,
    publicKey: row.public_key,
    counter: row.counter,
    isSynced: row.is_synced === 1,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  }
}

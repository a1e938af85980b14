import type { SubjectId, TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'
import type { Page, PageRequest } from './page.ts'

/** A local account. States: active <-> disabled. */
export interface Account {
  readonly tenant: TenantId
  readonly subject: SubjectId
  /** Unique per tenant, lower case, `[a-z0-9._@-]{1,64}`. */
  readonly username: string
  readonly displayName: string
  /** PHC string of argon2id. */
  readonly passwordHash: string
  readonly roles: readonly string[]
  readonly status: 'active' | 'disabled'
  readonly createdAt: number
  readonly passwordChangedAt: number
}

export interface AccountsPort {
  create(account: Account, audit: readonly AuditEntry[]): Promise<'created' | 'usernameTaken'>
  /** Issues a setup link; an earlier unused one of the tenant stops working. */
  issueSetupLink(tenant: TenantId, linkHash: string, expiresAt: number): Promise<void>
  /** Whether the link would work now; nothing changes. */
  setupLinkIsValid(tenant: TenantId, linkHash: string, now: number): Promise<boolean>
  /** Consumes the setup link and creates the first account, in one step. Works only while the tenant has no account. */
  createFirst(
    account: Account,
    linkHash: string,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'created' | 'linkInvalid' | 'alreadySetUp'>
  count(tenant: TenantId): Promise<number>
  find(tenant: TenantId, subject: SubjectId): Promise<Account | null>
  findByUsername(tenant: TenantId, username: string): Promise<Account | null>
  list(tenant: TenantId, page: PageRequest): Promise<Page<Account>>
  /** Also ends every login session and grant of the subject (feed: `subject`). */
  setPassword(
    tenant: TenantId,
    subject: SubjectId,
    passwordHash: string,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'changed' | 'unknown'>
  /** Feed: `membership`. */
  setRoles(
    tenant: TenantId,
    subject: SubjectId,
    roles: readonly string[],
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'changed' | 'unknown'>
  /** Disabling revokes every grant, engine document and login session of the subject in the same transaction (feed: `subject`). */
  setStatus(
    tenant: TenantId,
    subject: SubjectId,
    status: 'active' | 'disabled',
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'changed' | 'unknown'>
}

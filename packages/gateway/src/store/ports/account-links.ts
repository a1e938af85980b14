import type { SubjectId, TenantId } from '#core/ids.ts'
import type { Account } from './accounts.ts'
import type { AuditEntry } from './audit.ts'

/** Who somebody is at an identity provider: `iss` and `sub`, byte for byte. States: linked -> unlinked (gone). */
export interface AccountLink {
  readonly tenant: TenantId
  readonly issuer: string
  readonly externalSubject: string
  /** The account that this is here. */
  readonly subject: SubjectId
  readonly linkedAt: number
  /** `operator`; `email`: the provider's word for the address that is the account's name; `provider`: the account was opened for it. */
  readonly linkedBy: 'operator' | 'email' | 'provider'
}

export interface AccountLinksPort {
  /**
   * One identity is one account, whoever asks first. `linked` also where it was so before. `taken`: it is another account. `hasOther`: with
   * `onlyFirst`, the account is somebody else at that issuer. `unknown`: there is no such account, or it is disabled.
   */
  link(
    link: AccountLink,
    options: { readonly onlyFirst: boolean },
    audit: readonly AuditEntry[],
  ): Promise<'linked' | 'taken' | 'hasOther' | 'unknown'>
  /** A new account and its link, both or neither. `taken`: the identity is an account already. */
  openAccount(
    account: Account,
    link: AccountLink,
    audit: readonly AuditEntry[],
  ): Promise<'opened' | 'taken' | 'usernameTaken'>
  find(tenant: TenantId, issuer: string, externalSubject: string): Promise<AccountLink | null>
  /** Of one account; it has few. */
  list(tenant: TenantId, subject: SubjectId): Promise<readonly AccountLink[]>
  unlink(
    tenant: TenantId,
    link: Pick<AccountLink, 'issuer' | 'externalSubject' | 'subject'>,
    audit: readonly AuditEntry[],
  ): Promise<'unlinked' | 'unknown'>
}

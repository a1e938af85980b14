import type { SubjectId, TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'

/** One-time codes by time (RFC 6238). */
export interface StoredTotp {
  /** The shared secret, sealed to this account. */
  readonly sealed: string
  /** The last time step whose code was taken: that one and all before it are worth nothing. */
  readonly lastStep: number
}

/** A passkey (WebAuthn credential) of an account. */
export interface Passkey {
  readonly tenant: TenantId
  /** As the authenticator calls it, base64url. */
  readonly credentialId: string
  readonly subject: SubjectId
  /** The person's own. */
  readonly name: string
  /** COSE key, base64url. */
  readonly publicKey: string
  /** Signatures that the authenticator has counted; 0 for those that do not count. */
  readonly counter: number
  /** Whether it may be on several devices. */
  readonly isSynced: boolean
  readonly createdAt: number
  readonly lastUsedAt: number | null
}

/** What an account has besides its password. */
export interface Factors {
  readonly hasTotp: boolean
  readonly recoveryCodesLeft: number
  /** Oldest first. */
  readonly passkeys: readonly Passkey[]
}

/** `last`: it is the only one, and one is needed; nothing has changed. Of two who take away the last two, one is told so. */
export type FactorRemoval = 'removed' | 'unknown' | 'last'

export interface FactorsPort {
  of(tenant: TenantId, subject: SubjectId): Promise<Factors>
  findTotp(tenant: TenantId, subject: SubjectId): Promise<StoredTotp | null>
  /**
   * With recovery codes where the account has none. `enrolledAlready`: there is one, which has to be removed first. `notFirst`: there is another
   * factor, and whoever asks has not shown it.
   */
  enrolTotp(
    tenant: TenantId,
    subject: SubjectId,
    totp: StoredTotp & { readonly createdAt: number },
    recoveryCodeHashes: readonly string[],
    limits: { readonly mustBeFirst: boolean },
    audit: readonly AuditEntry[],
  ): Promise<'enrolled' | 'enrolledAlready' | 'notFirst'>
  /** Of two who bring the code of one time step, one is told `accepted`, whichever process they are in. */
  useTotp(tenant: TenantId, subject: SubjectId, step: number): Promise<'accepted' | 'used'>
  removeTotp(
    tenant: TenantId,
    subject: SubjectId,
    limits: { readonly keepsLast: boolean },
    audit: readonly AuditEntry[],
  ): Promise<FactorRemoval>
  /** Earlier ones stop working. */
  replaceRecoveryCodes(
    tenant: TenantId,
    subject: SubjectId,
    hashes: readonly string[],
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<void>
  /** Each works once. */
  useRecoveryCode(
    tenant: TenantId,
    subject: SubjectId,
    hash: string,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'accepted' | 'unknown'>
  /** `full`: the account has `max` already. `taken`: somebody has registered this very credential. `notFirst` as with `enrolTotp`. */
  addPasskey(
    passkey: Passkey,
    limits: { readonly max: number; readonly mustBeFirst: boolean },
    recoveryCodeHashes: readonly string[],
    audit: readonly AuditEntry[],
  ): Promise<'added' | 'taken' | 'full' | 'notFirst'>
  findPasskey(tenant: TenantId, credentialId: string): Promise<Passkey | null>
  /** `overtaken`: its counter is not what it was when the signature was checked, or the passkey is gone. */
  usePasskey(
    tenant: TenantId,
    credentialId: string,
    use: { readonly counterSeen: number; readonly counter: number; readonly at: number },
  ): Promise<'accepted' | 'overtaken'>
  removePasskey(
    tenant: TenantId,
    subject: SubjectId,
    credentialId: string,
    limits: { readonly keepsLast: boolean },
    audit: readonly AuditEntry[],
  ): Promise<FactorRemoval>
  /** Everything besides the password; also ends logins at our pages. False where there was nothing. */
  reset(tenant: TenantId, subject: SubjectId, audit: readonly AuditEntry[]): Promise<boolean>
}

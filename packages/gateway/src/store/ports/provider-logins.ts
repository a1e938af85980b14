import type { SubjectId, TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'

/**
 * One login of a person at an identity provider, which vouches for what was opened by it. States: live -> ended. A live one may be suspended
 * while the provider cannot be asked, and comes back.
 */
export interface ProviderLogin {
  readonly tenant: TenantId
  readonly loginId: string
  /** In the configuration. */
  readonly provider: string
  readonly issuer: string
  /** `sub`, byte for byte. */
  readonly externalSubject: string
  /** The provider's name for its own session (OpenID Connect Front-Channel Logout §3); null where it gives none. */
  readonly sid: string | null
  readonly subject: SubjectId
  /** When the person proved themselves there, by the provider's word. */
  readonly authenticatedAt: number
  /** Nothing that was opened by it lives longer. */
  readonly expiresAt: number
  /** The provider's refresh token, sealed to this login, with which it is asked again; null where it gave none. */
  readonly refreshToken: string | null
  /** When the provider last vouched for the person. */
  readonly checkedAt: number
  /** When it is to be asked again; null: never. */
  readonly checkDueAt: number | null
  readonly suspendedAt: number | null
  readonly endedAt: number | null
  readonly endedCause: string | null
}

export type NewProviderLogin = Omit<ProviderLogin, 'suspendedAt' | 'endedAt' | 'endedCause'>

/** Whom a provider names when it says that somebody is gone: a session of its own, a person, or both. */
export interface EndedElsewhere {
  readonly provider: string
  readonly issuer: string
  readonly externalSubject: string | null
  readonly sid: string | null
}

/**
 * How far an end reaches. `everything`: all that the person holds here, API keys and running streams too. `session`: the grants of that
 * login, and the person's login sessions at our pages.
 */
export type EndReach = 'everything' | 'session'

export interface ProviderLoginsPort {
  /** `ended`: the provider has said meanwhile that this session, or this person since then, is gone. */
  begin(login: NewProviderLogin): Promise<'begun' | 'ended'>
  find(tenant: TenantId, loginId: string): Promise<ProviderLogin | null>
  /** Whom that would reach now, for the record of it. */
  subjectsOf(tenant: TenantId, whom: EndedElsewhere): Promise<readonly SubjectId[]>
  /**
   * Ends what the provider says is over, and remembers it, so that a login under way does not begin behind it. `mark` may be used once,
   * until `markEndsAt`. (Feed: `subject`, or `grant` each.)
   */
  endElsewhere(
    tenant: TenantId,
    whom: EndedElsewhere,
    how: {
      readonly reach: EndReach
      readonly cause: string
      readonly mark: string
      readonly markEndsAt: number
      readonly now: number
    },
    audit: readonly AuditEntry[],
  ): Promise<{ readonly outcome: 'ended'; readonly logins: number } | { readonly outcome: 'replayed' }>
  /** Ends one, as `endElsewhere` does. False where it had ended. */
  end(
    tenant: TenantId,
    loginId: string,
    how: { readonly reach: EndReach; readonly cause: string; readonly now: number },
    audit: readonly AuditEntry[],
  ): Promise<boolean>
  /** Live logins whose providers are to be asked again, longest due first; those that vouch for nothing any more are left out. */
  listDue(tenant: TenantId, now: number, max: number): Promise<readonly ProviderLogin[]>
  /** Live logins at none of these providers, each by name and issuer. */
  listOfOthers(
    tenant: TenantId,
    providers: readonly { readonly name: string; readonly issuer: string }[],
    max: number,
  ): Promise<readonly ProviderLogin[]>
  /** One of several who saw it due then may ask, and nobody else before `until`. Answers the login as it is now; null: not this caller. */
  claimCheck(tenant: TenantId, loginId: string, seenDueAt: number, until: number): Promise<ProviderLogin | null>
  /** The provider vouches for the person still. Whoever was suspended comes back (feed: `membership`). False where it had ended. */
  confirm(
    tenant: TenantId,
    loginId: string,
    checked: { readonly refreshToken: string; readonly checkedAt: number; readonly checkDueAt: number },
    audit: readonly AuditEntry[],
  ): Promise<boolean>
  /** Nobody can be asked for too long: the person is let in nowhere until somebody can (feed: `membership`). False where that was so. */
  suspend(tenant: TenantId, loginId: string, now: number, audit: readonly AuditEntry[]): Promise<boolean>
  isSuspended(tenant: TenantId, subject: SubjectId): Promise<boolean>
  /** Forgets logins that are over since a day and nothing hangs on, at most `max`. Answers how many. */
  collect(now: number, max: number): Promise<number>
}

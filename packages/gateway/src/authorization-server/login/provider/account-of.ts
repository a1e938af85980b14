import type { AuditEvent } from '#audit/trail.ts'
import { asSubjectId } from '#core/ids.ts'
import { randomToken, uuidv7 } from '#core/random.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { IdentityProvider } from '#core/snapshot.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { Store } from '#store/ports/store.ts'
import type { PageContext } from '../../pages/deps.ts'
import { isAddressVerified, judgeClaims } from './profiles.ts'
import { rolesOf } from './roles-of.ts'

/** Why a person whom the provider vouches for is nobody here. */
export type NoAccount =
  | 'tenantMismatch'
  | 'idTokenInvalid'
  | 'notLinked'
  | 'accountNotActive'
  | 'usernameTaken'
  | 'groupsUnknown'
  | 'subjectMissing'

const SUBJECT_CHARACTERS_MAX = 255
const USERNAME = /^[a-z0-9._@-]{1,64}$/
const NAME_CHARACTERS_MAX = 128
/** No PHC string: no password fits it. */
const NO_PASSWORD = '!provider:'

/**
 * The account of whoever the provider says this is: the one linked with its issuer and `sub`; else, where the configuration believes the
 * provider about the domain, the one that is called by the verified address; else a new one, where it opens accounts. Never one by name or
 * address alone. Roles follow the provider's word where the configuration has rules.
 */
export async function accountOf(
  context: PageContext,
  provider: IdentityProvider,
  claims: Readonly<Record<string, unknown>>,
  event: Omit<AuditEvent, 'activity' | 'outcome'>,
): Promise<Result<Account, NoAccount>> {
  const { store } = context
  const externalSubject = externalSubjectOf(claims)
  if (externalSubject === null) return refused('subjectMissing')
  const { tenant } = event
  const { issuer } = provider
  const wrong = judgeClaims(claims, provider)
  if (wrong !== null) return refused(wrong)
  const roles = await rolesOf(claims, provider, context.clock)
  if (!roles.ok) return roles
  const link = await store.accountLinks.find(tenant, issuer, externalSubject)
  const known =
    link === null
      ? await linkByAddress(context, provider, externalSubject, claims, event)
      : await store.accounts.find(tenant, link.subject)
  if (known === null) {
    // A link whose account is gone is no place for another.
    if (link !== null) return refused('accountNotActive')
    return provider.opensAccounts
      ? await openAccount(context, provider, externalSubject, claims, roles.value ?? [], event)
      : refused('notLinked')
  }
  if (known.status !== 'active') return refused('accountNotActive')
  return ok(roles.value === null ? known : await setRoles(context, provider, known, roles.value, event))
}

/** The account with the roles that the provider's word gives, stored and recorded where that changes them. */
export async function setRoles(
  { store, clock, audit }: Pick<PageContext, 'clock' | 'audit'> & { readonly store: Pick<Store, 'accounts'> },
  { name }: Pick<IdentityProvider, 'name'>,
  account: Account,
  roles: readonly string[],
  event: Omit<AuditEvent, 'activity' | 'outcome'>,
): Promise<Account> {
  if (sameRoles(roles, account.roles)) return account
  const { tenant, subject } = account
  const changed = audit.entry({
    ...event,
    activity: 'account.change',
    outcome: 'success',
    reason: 'rolesByProvider',
    subject,
    detail: { provider: name, roles: roles.join(' ') },
  })
  await store.accounts.setRoles(tenant, subject, roles, clock.nowSeconds(), [changed])
  return { ...account, roles }
}

/** The account that is called by the address, once, for a domain that the provider is believed about. */
async function linkByAddress(
  { store, clock, audit }: PageContext,
  provider: IdentityProvider,
  externalSubject: string,
  claims: Readonly<Record<string, unknown>>,
  event: Omit<AuditEvent, 'activity' | 'outcome'>,
): Promise<Account | null> {
  const { issuer, name } = provider
  const address = believedAddress(claims, provider)
  if (address === null) return null
  const account = await store.accounts.findByUsername(event.tenant, address)
  if (account === null) return null
  const { tenant } = event
  const { subject } = account
  const entry = audit.entry({
    ...event,
    activity: 'account.change',
    outcome: 'success',
    reason: 'linked',
    subject,
    detail: { provider: name },
  })
  const linked = await store.accountLinks.link(
    { tenant, issuer, externalSubject, subject, linkedAt: clock.nowSeconds(), linkedBy: 'email' },
    { onlyFirst: true },
    [entry],
  )
  return linked === 'linked' ? account : null
}

async function openAccount(
  { store, clock, random, audit }: PageContext,
  provider: IdentityProvider,
  externalSubject: string,
  claims: Readonly<Record<string, unknown>>,
  roles: readonly string[],
  event: Omit<AuditEvent, 'activity' | 'outcome'>,
): Promise<Result<Account, NoAccount>> {
  const { issuer, name } = provider
  const now = clock.nowSeconds()
  const { tenant } = event
  const subject = asSubjectId(uuidv7(random, clock.nowMs()))
  const username = believedAddress(claims, provider) ?? plainName(claims['preferred_username']) ?? subject
  const account: Account = {
    tenant,
    subject,
    username,
    displayName: text(claims['name'], NAME_CHARACTERS_MAX) ?? username,
    passwordHash: `${NO_PASSWORD}${randomToken(random)}`,
    roles,
    status: 'active',
    createdAt: now,
    passwordChangedAt: now,
  }
  const entry = audit.entry({
    ...event,
    activity: 'account.create',
    outcome: 'success',
    reason: 'openedByProvider',
    subject,
    detail: { provider: name, roles: roles.join(' ') },
    personal: { ...event.personal, username },
  })
  const link = { tenant, issuer, externalSubject, subject, linkedAt: now, linkedBy: 'provider' } as const
  const opened = await store.accountLinks.openAccount(account, link, [entry])
  if (opened === 'opened') return ok(account)
  // Two first logins at once: the other one has opened it.
  const other = opened === 'taken' ? await store.accountLinks.find(tenant, issuer, externalSubject) : null
  const theirs = other === null ? null : await store.accounts.find(tenant, other.subject)
  return theirs === null ? refused('usernameTaken') : ok(theirs)
}

/**
 * OpenID Connect Core §5.7: an address is a claim of the provider about now, and only if it says that it has checked; and then of domains that
 * the configuration believes it about. An account that somebody else could have called by an address would be waiting for its owner.
 */
export function believedAddress(claims: Readonly<Record<string, unknown>>, provider: IdentityProvider): string | null {
  const { emailDomains } = provider
  const address = isAddressVerified(claims, provider) ? nameOf(claims['email']) : null
  const [, domain, more] = address?.split('@') ?? []
  return domain !== undefined && more === undefined && emailDomains.includes(domain) ? address : null
}

/** A name that people may choose themselves where they log in: so none that reads as an address. */
export function plainName(value: unknown): string | null {
  const name = nameOf(value)
  return name?.includes('@') ? null : name
}

export function externalSubjectOf(claims: Readonly<Record<string, unknown>>): string | null {
  return text(claims['sub'], SUBJECT_CHARACTERS_MAX)
}

function nameOf(value: unknown): string | null {
  const name = typeof value === 'string' ? value.toLowerCase() : ''
  return USERNAME.test(name) ? name : null
}

function text(value: unknown, charactersMax: number): string | null {
  return typeof value === 'string' && value !== '' && value.length <= charactersMax ? value : null
}

function sameRoles(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((role) => b.includes(role))
}

import type { Foreseen } from '#core/identity-tests.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { IdentityProvider } from '#core/snapshot.ts'
import type { PageContext } from '../../pages/deps.ts'
import { believedAddress, externalSubjectOf, type NoAccount, plainName } from './account-of.ts'
import { judgeClaims } from './profiles.ts'
import { rolesOf } from './roles-of.ts'

/** What `accountOf` would decide now, without any of it being done. */
export async function foreseeAccount(
  { store, snapshots, clock }: Pick<PageContext, 'store' | 'snapshots' | 'clock'>,
  provider: IdentityProvider,
  claims: Readonly<Record<string, unknown>>,
): Promise<Result<Foreseen, NoAccount>> {
  const { tenant } = snapshots.current()
  const { issuer } = provider
  const externalSubject = externalSubjectOf(claims)
  if (externalSubject === null) return refused('subjectMissing')
  const wrong = judgeClaims(claims, provider)
  if (wrong !== null) return refused(wrong)
  const roles = await rolesOf(claims, provider, clock)
  if (!roles.ok) return roles
  const link = await store.accountLinks.find(tenant, issuer, externalSubject)
  if (link !== null) {
    const account = await store.accounts.find(tenant, link.subject)
    if (account?.status !== 'active') return refused('accountNotActive')
    return ok({ username: account.username, how: 'linked', roles: roles.value ?? account.roles })
  }
  const address = believedAddress(claims, provider)
  const called = address === null ? null : await store.accounts.findByUsername(tenant, address)
  if (called?.status === 'active') {
    const links = await store.accountLinks.list(tenant, called.subject)
    if (links.every((other) => other.issuer !== issuer))
      return ok({ username: called.username, how: 'linkedByAddress', roles: roles.value ?? called.roles })
  }
  if (!provider.opensAccounts) return refused('notLinked')
  const username = address ?? plainName(claims['preferred_username'])
  if (username !== null && (await store.accounts.findByUsername(tenant, username)) !== null)
    return refused('usernameTaken')
  return ok({ username, how: 'opened', roles: roles.value ?? [] })
}

import type { AuditEvent, AuditTrail } from '#audit/trail.ts'
import type { RequestId } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { Snapshot, TrustedIssuer } from '#core/snapshot.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { Store } from '#store/ports/store.ts'

/**
 * The account that this identity is: the one it was linked to, byte for byte by issuer and `sub`. Only where it was never linked, and the
 * configuration believes this issuer about addresses of that domain, the account that is called by the address becomes it, once and for all:
 * whoever has the address later is somebody else. Refuses with an audit reason.
 */
export async function linkSubject(
  identity: { readonly issuer: TrustedIssuer; readonly subject: string; readonly email: string | null },
  request: { readonly snapshot: Snapshot; readonly requestId: RequestId; readonly now: number },
  { store, audit }: { readonly store: Pick<Store, 'accounts' | 'accountLinks'>; readonly audit: AuditTrail },
): Promise<Result<Account, string>> {
  const { issuer, subject: externalSubject, email } = identity
  const { tenant } = request.snapshot
  const link = await store.accountLinks.find(tenant, issuer.issuer, externalSubject)
  if (link !== null) {
    const account = await store.accounts.find(tenant, link.subject)
    return account?.status === 'active' ? ok(account) : refused('accountNotActive')
  }
  const name = nameOf(email, issuer.identityAssertions?.emailDomains ?? [])
  const account = name === null ? null : await store.accounts.findByUsername(tenant, name)
  if (account === null) return refused('subjectNotLinked')
  if (account.status !== 'active') return refused('accountNotActive')
  const event: AuditEvent = {
    tenant,
    activity: 'account.change',
    outcome: 'success',
    requestId: request.requestId,
    subject: account.subject,
    detail: { actor: 'identityProvider', target: account.subject, change: 'link', issuer: issuer.issuer },
    personal: { externalSubject },
  }
  const outcome = await store.accountLinks.link(
    {
      tenant,
      issuer: issuer.issuer,
      externalSubject,
      subject: account.subject,
      linkedAt: request.now,
      linkedBy: 'email',
    },
    { onlyFirst: true },
    [audit.entry(event)],
  )
  return outcome === 'linked' ? ok(account) : refused('subjectNotLinked')
}

/** Accounts may be called by an address; domains are compared whole. */
function nameOf(email: string | null, domains: readonly string[]): string | null {
  const address = email?.toLowerCase() ?? ''
  const at = address.lastIndexOf('@')
  return at > 0 && domains.includes(address.slice(at + 1)) ? address : null
}

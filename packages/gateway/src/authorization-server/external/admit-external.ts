import type { AuditEvent, AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import { asClientId, asSubjectId, type ClientId, type SubjectId } from '#core/ids.ts'
import { type Random, randomToken, uuidv7 } from '#core/random.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { ExternalIssuer, ServerEntry, SnapshotSource } from '#core/snapshot.ts'
import type { ExternalClaims } from '#identity/external/external-claims.ts'
import type { Admitted } from '#identity/external/external-tokens.ts'
import { rolesFromClaims } from '#identity/roles-from-claims.ts'
import { scopesFromValues } from '#policy/external-scopes.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { Store } from '#store/ports/store.ts'
import { assertedGrant } from '../grants/identity-assertion.ts'
import { setRoles } from '../login/provider/account-of.ts'

/** Of one day, at one server: each time its grant is revoked, later tokens make another. */
const GRANTS_A_DAY_MAX = 20
const NAME_CHARACTERS_MAX = 128

export interface AdmitDependencies {
  readonly snapshots: SnapshotSource
  readonly store: Pick<Store, 'accountLinks' | 'accounts' | 'engine' | 'grants'>
  readonly audit: AuditTrail
  readonly clock: Clock
  readonly random: Random
}

interface Place {
  readonly server: ServerEntry
  readonly issuer: ExternalIssuer
  readonly clientId: string
}

/**
 * Who the holder of an external token is here, by issuer and `sub`, and the grant that its use belongs to: one a day for each client at each
 * server, so that operators see and revoke it like any other. A token from before the revocation stays revoked with it; one that the issuer
 * gives out later makes a new grant.
 */
export async function admitExternal(
  claims: ExternalClaims,
  place: Place,
  dependencies: AdmitDependencies,
): Promise<Result<Admitted, string>> {
  const account = await accountOf(claims, place, dependencies)
  if (!account.ok) return account
  const { subject } = account.value
  return await grantOf(claims, { ...place, subject, clientId: asClientId(place.clientId) }, dependencies)
}

async function accountOf(
  claims: ExternalClaims,
  { issuer }: Place,
  dependencies: AdmitDependencies,
): Promise<Result<Account, string>> {
  const { store, snapshots } = dependencies
  const { tenant } = snapshots.current()
  const event = { tenant, requestId: null, detail: { issuer: issuer.name } }
  const roles = issuer.roles === null ? ok(null) : rolesFromClaims(claims.all, issuer.roles)
  if (!roles.ok) return roles
  const link = await store.accountLinks.find(tenant, issuer.issuer, claims.externalSubject)
  const known = link === null ? null : await store.accounts.find(tenant, link.subject)
  if (link !== null && known?.status !== 'active') return refused('accountNotActive')
  if (known !== null)
    return ok(roles.value === null ? known : await setRoles(dependencies, issuer, known, roles.value, event))
  return issuer.opensAccounts
    ? await open(claims, issuer, roles.value ?? [], event, dependencies)
    : refused('subjectNotLinked')
}

async function open(
  { externalSubject, all }: ExternalClaims,
  issuer: ExternalIssuer,
  roles: readonly string[],
  event: Omit<AuditEvent, 'activity' | 'outcome'>,
  { store, audit, clock, random }: AdmitDependencies,
): Promise<Result<Account, string>> {
  const { tenant } = event
  const now = clock.nowSeconds()
  const subject = asSubjectId(uuidv7(random, clock.nowMs()))
  const name = all['name']
  const account: Account = {
    tenant,
    subject,
    // A name of ours: what a token says of names is nobody's proof.
    username: subject,
    displayName: typeof name === 'string' && name !== '' ? name.slice(0, NAME_CHARACTERS_MAX) : subject,
    passwordHash: `!external:${randomToken(random)}`,
    roles,
    status: 'active',
    createdAt: now,
    passwordChangedAt: now,
  }
  const entry = audit.entry({
    ...event,
    activity: 'account.create',
    outcome: 'success',
    reason: 'openedByToken',
    subject,
  })
  const link = { tenant, issuer: issuer.issuer, externalSubject, subject, linkedAt: now, linkedBy: 'provider' } as const
  if ((await store.accountLinks.openAccount(account, link, [entry])) === 'opened') return ok(account)
  const other = await store.accountLinks.find(tenant, issuer.issuer, externalSubject)
  const theirs = other === null ? null : await store.accounts.find(tenant, other.subject)
  return theirs?.status === 'active' ? ok(theirs) : refused('accountNotActive')
}

async function grantOf(
  { issuedAt }: ExternalClaims,
  { server, issuer, subject, clientId }: Place & { readonly subject: SubjectId; readonly clientId: ClientId },
  { snapshots, store, audit, clock }: AdmitDependencies,
): Promise<Result<Admitted, string>> {
  const { tenant, version } = snapshots.current()
  const now = clock.nowSeconds()
  const scopes = scopesFromValues([...issuer.scopes.keys()], server, issuer)
  let after: readonly string[] = []
  for (let generation = 0; generation < GRANTS_A_DAY_MAX; generation += 1) {
    const of = { issuer: issuer.issuer, subject, clientId, resource: server.resource, scopes: after }
    const { grantId, expiresAt } = assertedGrant(of, now)
    const known = await store.grants.find(tenant, grantId)
    if (known !== null && known.revokedAt === null) return ok({ subject, grantId, grantNumber: known.number })
    if (known?.revokedAt != null) {
      if (issuedAt <= known.revokedAt) return refused('grantRevoked')
      after = [...after, grantId]
      continue
    }
    const grant = {
      tenant,
      grantId,
      subject,
      clientId,
      server: server.id,
      resource: server.resource,
      scopes,
      createdAt: now,
      expiresAt,
    }
    const event: AuditEvent = {
      tenant,
      activity: 'token.issue',
      outcome: 'success',
      reason: 'externalToken',
      requestId: null,
      subject,
      clientId,
      grantId,
      server: server.id,
      scopesGranted: scopes,
      decision: { config: version },
      detail: { issuer: issuer.name },
    }
    const opened = await store.engine.commit(tenant, [{ kind: 'openGrant', grant }], [audit.entry(event)])
    if (opened.outcome !== 'committed' && opened.outcome !== 'duplicate') return refused('accountNotActive')
    const row = await store.grants.find(tenant, grantId)
    if (row === null || row.revokedAt !== null) return refused('grantRevoked')
    return ok({ subject, grantId, grantNumber: row.number })
  }
  return refused('grantRevoked')
}

import type { AuditEvent, AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import { asGrantId, type RequestId } from '#core/ids.ts'
import type { IdentityProvider, SnapshotSource } from '#core/snapshot.ts'
import { createWorkQueue } from '#core/work-queue.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { ProviderLogin } from '#store/ports/provider-logins.ts'
import type { Store } from '#store/ports/store.ts'
import { storedId } from '../../engine/documents.ts'
import { setRoles } from './account-of.ts'
import { askAgain } from './ask-again.ts'
import type { OpenProvider } from './open-provider.ts'
import { openRefreshToken, sealRefreshToken } from './refresh-token-seal.ts'
import { rolesOf } from './roles-of.ts'

/** Whoever asks is done or has failed by then; nobody else asks meanwhile. */
const CLAIM_SECONDS = 30
/** What was said less than this ago counts at a refresh: a busy client does not become load for the provider. */
const FRESH_SECONDS = 60
/** Logins looked at per round; the rest waits for the next. */
const ROUND_MAX = 200
/** Logins of providers that are gone, ended per round. */
const OTHERS_MAX = 50
const ASKING = { runningMax: 4, waitingMax: ROUND_MAX }

export interface LoginChecksDependencies {
  readonly snapshots: SnapshotSource
  readonly store: Pick<Store, 'accounts' | 'engine' | 'grants' | 'providerLogins'>
  readonly sealer: Sealer
  readonly audit: AuditTrail
  readonly clock: Clock
  readonly openProvider: OpenProvider
  /** Told why a provider could not be asked. */
  readonly onSilent: (provider: string, cause: unknown) => void
}

/** Asks providers again about those who have logged in there. */
export interface LoginChecks {
  /** Before a refresh. `unavailable`: the provider could not be asked for too long, so nothing is given; the token is not used up. */
  atRefresh(refreshToken: string, requestId: RequestId): Promise<'goOn' | 'unavailable'>
  /** Everybody who is due, and the end of logins at providers that the configuration no longer has. */
  round(): Promise<void>
}

type Verdict = 'vouched' | 'ended' | 'silent'

export function createLoginChecks(dependencies: LoginChecksDependencies): LoginChecks {
  const { snapshots, store, clock } = dependencies
  const asking = createWorkQueue(ASKING)

  return {
    atRefresh: async (refreshToken, requestId) => {
      const { tenant } = snapshots.current()
      const now = clock.nowSeconds()
      const document = await store.engine.find(tenant, 'RefreshToken', storedId('RefreshToken', refreshToken), now)
      const grant = document?.grantId == null ? null : await store.grants.find(tenant, asGrantId(document.grantId))
      const login = grant?.loginId == null ? null : await store.providerLogins.find(tenant, grant.loginId)
      // What has ended took its grants along: the engine sees that.
      if (login === null || login.endedAt !== null) return 'goOn'
      const provider = providerOf(login, dependencies)
      if (provider === null) await end(login, 'providerRemoved', 'session', requestId, dependencies)
      if (provider === null || provider.recheck === null || login.checkDueAt === null) return 'goOn'
      const { checkDueAt } = login
      const isBeingAsked = checkDueAt > now && checkDueAt <= now + CLAIM_SECONDS
      const isFresh = login.checkedAt > now - FRESH_SECONDS && login.suspendedAt === null
      const verdict =
        isFresh || isBeingAsked ? 'silent' : await check({ ...login, checkDueAt }, provider, requestId, dependencies)
      if (verdict !== 'silent') return 'goOn'
      const isTooOld = login.suspendedAt !== null || now - login.checkedAt > provider.recheck.unreachableSeconds
      return isTooOld ? 'unavailable' : 'goOn'
    },

    round: async () => {
      const { tenant, identityProviders } = snapshots.current()
      const providers = [...identityProviders.values()]
      for (const login of await store.providerLogins.listOfOthers(tenant, providers, OTHERS_MAX))
        await end(login, 'providerRemoved', 'session', null, dependencies)
      const due = await store.providerLogins.listDue(tenant, clock.nowSeconds(), ROUND_MAX)
      await Promise.all(
        due.map((login) =>
          asking.run(async () => {
            const provider = providerOf(login, dependencies)
            const { checkDueAt } = login
            if (provider === null || checkDueAt === null) return
            // A rule that the configuration has dropped meanwhile asks nobody, and keeps nobody waiting for an answer.
            if (provider.recheck === null && login.suspendedAt !== null)
              return await end(login, 'recheckTakenOut', 'session', null, dependencies)
            if (provider.recheck === null) return
            await check({ ...login, checkDueAt }, provider, null, dependencies)
          }),
        ),
      )
    },
  }
}

function providerOf(login: ProviderLogin, { snapshots }: LoginChecksDependencies): IdentityProvider | null {
  const provider = snapshots.current().identityProviders.get(login.provider)
  return provider?.issuer === login.issuer ? provider : null
}

/** Asks, where this caller is the one to ask, and does what the answer means. `silent`: nothing was learnt. */
async function check(
  seen: ProviderLogin & { readonly checkDueAt: number },
  provider: IdentityProvider,
  requestId: RequestId | null,
  dependencies: LoginChecksDependencies,
): Promise<Verdict> {
  const { store, sealer, clock, openProvider, onSilent } = dependencies
  const { tenant, loginId, externalSubject } = seen
  const login = await store.providerLogins.claimCheck(
    tenant,
    loginId,
    seen.checkDueAt,
    clock.nowSeconds() + CLAIM_SECONDS,
  )
  if (login?.refreshToken == null) return 'silent'
  const refreshToken = openRefreshToken(sealer, tenant, loginId, login.refreshToken)
  const asked = await openProvider(provider)
    .then((configuration) => askAgain(configuration, provider, { refreshToken, externalSubject }))
    .catch((cause: unknown) => ({ kind: 'silent', cause }) as const)
  switch (asked.kind) {
    case 'gone':
      await end(login, asked.cause, reachOf(login, provider, clock), requestId, dependencies)
      return 'ended'
    case 'silent':
      onSilent(provider.name, asked.cause)
      await suspendIfTooLong(login, provider, requestId, dependencies)
      return 'silent'
    case 'vouched':
      return await accept(login, provider, asked, requestId, dependencies)
  }
}

async function accept(
  login: ProviderLogin,
  provider: IdentityProvider,
  vouched: { readonly refreshToken: string; readonly claims: Readonly<Record<string, unknown>> },
  requestId: RequestId | null,
  dependencies: LoginChecksDependencies,
): Promise<Verdict> {
  const { store, sealer, audit, clock } = dependencies
  const { tenant, loginId, subject } = login
  const now = clock.nowSeconds()
  const roles = await rolesOf(vouched.claims, provider, clock)
  const account = await store.accounts.find(tenant, subject)
  // Groups that are not known are not no groups, and not the old ones either.
  if (!roles.ok) return await endAs(roles.refusal)
  if (account?.status !== 'active') return await endAs('accountNotActive')
  if (roles.value !== null) await setRoles(dependencies, provider, account, roles.value, baseOf(login, requestId))
  const checked = {
    refreshToken: sealRefreshToken(sealer, tenant, loginId, vouched.refreshToken),
    checkedAt: now,
    checkDueAt: now + (provider.recheck?.everySeconds ?? 0),
  }
  const back = audit.entry({ ...eventOf(login, requestId), activity: 'account.change', reason: 'providerAnswersAgain' })
  return (await store.providerLogins.confirm(tenant, loginId, checked, [back])) ? 'vouched' : 'ended'

  async function endAs(cause: string): Promise<Verdict> {
    await end(login, cause, provider.logoutEnds, requestId, dependencies)
    return 'ended'
  }
}

async function suspendIfTooLong(
  login: ProviderLogin,
  provider: IdentityProvider,
  requestId: RequestId | null,
  { store, audit, clock }: LoginChecksDependencies,
): Promise<void> {
  const now = clock.nowSeconds()
  if (provider.recheck === null || now - login.checkedAt <= provider.recheck.unreachableSeconds) return
  const event = { ...eventOf(login, requestId), activity: 'account.change', reason: 'providerSilentTooLong' } as const
  await store.providerLogins.suspend(login.tenant, login.loginId, now, [audit.entry(event)])
}

/**
 * While the login counts, and always where the provider was asked for a token that outlives its sessions, a refusal means that the person is
 * gone. Later it may mean only that a session of theirs is over, which ends nothing but what came from it.
 */
function reachOf(
  { expiresAt }: ProviderLogin,
  { scopes, logoutEnds }: IdentityProvider,
  clock: Clock,
): 'everything' | 'session' {
  return expiresAt > clock.nowSeconds() || scopes.includes('offline_access') ? logoutEnds : 'session'
}

async function end(
  login: ProviderLogin,
  cause: string,
  reach: 'everything' | 'session',
  requestId: RequestId | null,
  { store, audit, clock }: LoginChecksDependencies,
): Promise<void> {
  const event = audit.entry({ ...eventOf(login, requestId), activity: 'logout', reason: cause })
  await store.providerLogins.end(login.tenant, login.loginId, { reach, cause, now: clock.nowSeconds() }, [event])
}

function baseOf({ tenant, provider }: ProviderLogin, requestId: RequestId | null) {
  return { tenant, requestId, detail: { provider } }
}

function eventOf(login: ProviderLogin, requestId: RequestId | null): Omit<AuditEvent, 'activity'> {
  return { ...baseOf(login, requestId), outcome: 'success', subject: login.subject }
}

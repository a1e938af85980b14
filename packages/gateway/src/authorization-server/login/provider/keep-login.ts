import type { SubjectId } from '#core/ids.ts'
import { uuidv7 } from '#core/random.ts'
import type { IdentityProvider, Snapshot } from '#core/snapshot.ts'
import type { PageContext } from '../../pages/deps.ts'

/** Session names of providers are shorter. */
const SID_CHARACTERS_MAX = 255

interface VouchedLogin {
  readonly subject: SubjectId
  /** Of the verified ID token. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly authTime: number
}

/** How long a login at this provider counts here, in seconds from when the person proved themselves: never longer than its own session. */
export function loginSecondsMax({ lifetimes }: Snapshot, { sessionSeconds }: IdentityProvider): number {
  return Math.min(lifetimes.loginSessionSeconds, sessionSeconds ?? Number.POSITIVE_INFINITY)
}

/** Keeps the login, so that what is opened by it can end with it. Answers its id; null where the provider has ended it meanwhile. */
export async function keepLogin(
  { store, snapshots, clock, random }: PageContext,
  provider: IdentityProvider,
  { subject, claims, authTime }: VouchedLogin,
): Promise<string | null> {
  const snapshot = snapshots.current()
  const loginId = uuidv7(random, clock.nowMs())
  const sid = claims['sid']
  const begun = await store.providerLogins.begin({
    tenant: snapshot.tenant,
    loginId,
    provider: provider.name,
    issuer: provider.issuer,
    externalSubject: String(claims['sub']),
    sid: typeof sid === 'string' && sid !== '' && sid.length <= SID_CHARACTERS_MAX ? sid : null,
    subject,
    authenticatedAt: authTime,
    expiresAt: authTime + loginSecondsMax(snapshot, provider),
    refreshToken: null,
    checkedAt: clock.nowSeconds(),
  })
  return begun === 'begun' ? loginId : null
}

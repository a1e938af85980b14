import type { SubjectId } from '#core/ids.ts'
import { uuidv7 } from '#core/random.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { IdentityProvider, Snapshot } from '#core/snapshot.ts'
import type { PageContext } from '../../pages/deps.ts'
import { sealRefreshToken } from './refresh-token-seal.ts'

/** Session names of providers are shorter. */
const SID_CHARACTERS_MAX = 255

interface VouchedLogin {
  readonly subject: SubjectId
  /** Of the verified ID token. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly authTime: number
  readonly refreshToken: string | null
}

/** How long a login at this provider counts here, in seconds from when the person proved themselves: never longer than its own session. */
export function loginSecondsMax({ lifetimes }: Snapshot, { sessionSeconds }: IdentityProvider): number {
  return Math.min(lifetimes.loginSessionSeconds, sessionSeconds ?? Number.POSITIVE_INFINITY)
}

/**
 * Keeps the login, so that what is opened by it can end with it. Answers its id, or why there is none: the provider has ended it meanwhile, or
 * gave nothing to ask it again with where the configuration wants that.
 */
export async function keepLogin(
  { store, snapshots, clock, random, sealer }: PageContext,
  provider: IdentityProvider,
  { subject, claims, authTime, refreshToken }: VouchedLogin,
): Promise<Result<string, 'loginEndedMeanwhile' | 'refreshTokenMissing'>> {
  const { recheck } = provider
  if (recheck !== null && refreshToken === null) return refused('refreshTokenMissing')
  const kept = recheck === null ? null : refreshToken
  const snapshot = snapshots.current()
  const loginId = uuidv7(random, clock.nowMs())
  const now = clock.nowSeconds()
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
    refreshToken: kept === null ? null : sealRefreshToken(sealer, snapshot.tenant, loginId, kept),
    checkedAt: now,
    checkDueAt: recheck === null ? null : now + recheck.everySeconds,
  })
  return begun === 'begun' ? ok(loginId) : refused('loginEndedMeanwhile')
}

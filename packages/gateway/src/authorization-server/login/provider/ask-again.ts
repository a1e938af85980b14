import {
  type Configuration,
  fetchUserInfo,
  ResponseBodyError,
  refreshTokenGrant,
  WWWAuthenticateChallengeError,
} from 'openid-client'
import type { IdentityProvider } from '#core/snapshot.ts'

/**
 * RFC 6749 §5.2 and OpenID Connect Core §3.1.2.6: the person or their session is the reason. Everything else says something about us or about
 * the provider's day, and nothing about the person.
 */
const GONE: ReadonlySet<string> = new Set([
  'invalid_grant',
  'access_denied',
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
])

export type AskedAgain =
  | { readonly kind: 'vouched'; readonly refreshToken: string; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly kind: 'gone'; readonly cause: 'goneAtProvider' | 'subjectChanged' }
  /** Nothing is known. */
  | { readonly kind: 'silent'; readonly cause: unknown }

/**
 * Whether the provider still vouches for somebody, by the refresh token that it gave at their login (OpenID Connect Core §12), and what it says
 * of them now: in the new ID token, or, where a rule needs a claim that is not in it, at its UserInfo endpoint.
 */
export async function askAgain(
  configuration: Configuration,
  { roles }: Pick<IdentityProvider, 'roles'>,
  { refreshToken, externalSubject }: { readonly refreshToken: string; readonly externalSubject: string },
): Promise<AskedAgain> {
  try {
    const tokens = await refreshTokenGrant(configuration, refreshToken)
    const claims: Readonly<Record<string, unknown>> = tokens.claims() ?? { sub: externalSubject }
    if (claims['sub'] !== externalSubject) return { kind: 'gone', cause: 'subjectChanged' }
    const isWhole = roles === null || claims[roles.claim] !== undefined
    const more =
      isWhole || configuration.serverMetadata().userinfo_endpoint === undefined
        ? {}
        : await fetchUserInfo(configuration, tokens.access_token, externalSubject)
    return { kind: 'vouched', refreshToken: tokens.refresh_token ?? refreshToken, claims: { ...more, ...claims } }
  } catch (cause) {
    if (cause instanceof ResponseBodyError && GONE.has(cause.error)) return { kind: 'gone', cause: 'goneAtProvider' }
    // A token of this very moment is refused at UserInfo: RFC 6750 §3.1.
    if (cause instanceof WWWAuthenticateChallengeError && cause.status === 401)
      return { kind: 'gone', cause: 'goneAtProvider' }
    return { kind: 'silent', cause }
  }
}

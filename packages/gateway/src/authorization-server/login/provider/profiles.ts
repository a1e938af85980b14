import type { IdentityProvider, ProviderProfile } from '#core/snapshot.ts'

/** How a provider differs from what OpenID Connect says; what is not here is as it says. */
interface Quirks {
  /** Scopes that it answers with an error. */
  readonly refusesScopes?: readonly string[]
  /** Without these it gives no refresh token. */
  readonly forRefreshToken?: Readonly<Record<string, string>>
  /** It knows no `max_age`, and may refuse it. */
  readonly ignoresMaxAge?: true
  /** Whether it says that it has checked the address (OpenID Connect Core §5.1), in its own way. */
  readonly isAddressVerified?: (claims: Claims, provider: IdentityProvider) => boolean
  /** What makes claims none of this tenant's, or none of an ID token's, though their signature is right; null: nothing. */
  readonly judge?: (claims: Claims, provider: IdentityProvider) => 'tenantMismatch' | 'idTokenInvalid' | null
}
type Claims = Readonly<Record<string, unknown>>

const isTrue = (value: unknown) => value === true || value === 'true' || value === '1' || value === 1

const QUIRKS: Readonly<Record<ProviderProfile, Quirks>> = {
  generic: {},
  keycloak: {},
  okta: {},
  auth0: {},
  clerk: { ignoresMaxAge: true },
  workos: { ignoresMaxAge: true },
  entra: {
    // There is no `email_verified`. An address that the tenant's administrator set is one whose domain's owner is verified (optional claim
    // `xms_edov`); any other is whatever somebody typed (nOAuth).
    isAddressVerified: ({ xms_edov: isDomainOwnerVerified }) => isTrue(isDomainOwnerVerified),
    judge: ({ tid }, { issuer }) => (tid === tenantOf(issuer) ? null : 'tenantMismatch'),
  },
  google: {
    // `offline_access` is invalid_scope there; its own parameters do that, and only with the consent page.
    refusesScopes: ['offline_access'],
    forRefreshToken: { access_type: 'offline', prompt: 'consent' },
    ignoresMaxAge: true,
    // A consumer account may be called by an address of any domain; one that the domain's Workspace manages says so (`hd`).
    isAddressVerified: ({ email, email_verified: isVerified, hd }) =>
      isVerified === true && typeof email === 'string' && email.toLowerCase().endsWith(`@${String(hd).toLowerCase()}`),
  },
  cognito: {
    ignoresMaxAge: true,
    isAddressVerified: ({ email_verified: isVerified }) => isTrue(isVerified),
    // Access tokens of the same pool are signed by the same keys.
    judge: ({ token_use: use }) => (use === 'id' ? null : 'idTokenInvalid'),
  },
  github: {
    ignoresMaxAge: true,
    refusesScopes: ['openid', 'profile', 'email', 'offline_access'],
  },
}

/** Scopes to ask for. */
export function scopesOf({ profile, scopes }: IdentityProvider): readonly string[] {
  const { refusesScopes = [] } = QUIRKS[profile]
  return scopes.filter((scope) => !refusesScopes.includes(scope))
}

/** What goes along besides what every provider gets. Nothing of it comes from a client. */
export function parametersOf(provider: IdentityProvider, maxAgeSeconds: number): Record<string, string> {
  const { forRefreshToken = {}, ignoresMaxAge } = QUIRKS[provider.profile]
  return {
    ...(ignoresMaxAge ? {} : { max_age: String(maxAgeSeconds) }),
    ...(provider.recheck === null ? {} : forRefreshToken),
  }
}

/** Whether the address among the claims is one that the provider has checked. */
export function isAddressVerified(claims: Claims, provider: IdentityProvider): boolean {
  const judge = QUIRKS[provider.profile].isAddressVerified
  return judge === undefined ? claims['email_verified'] === true : judge(claims, provider)
}

/** Null where the claims are the provider's word about one of ours. */
export function judgeClaims(claims: Claims, provider: IdentityProvider): 'tenantMismatch' | 'idTokenInvalid' | null {
  return QUIRKS[provider.profile].judge?.(claims, provider) ?? null
}

/** `https://login.microsoftonline.com/{tenant}/v2.0` */
function tenantOf(issuer: string): string | null {
  return URL.parse(issuer)?.pathname.split('/')[1] ?? null
}

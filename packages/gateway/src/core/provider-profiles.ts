/** Providers of identity that differ from the standard in ways that we know. */
export const PROVIDER_PROFILES = [
  'generic',
  'keycloak',
  'entra',
  'okta',
  'auth0',
  'google',
  'github',
  'workos',
  'clerk',
  'cognito',
] as const

export type ProviderProfile = (typeof PROVIDER_PROFILES)[number]

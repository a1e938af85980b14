/** RFC 7591 §2, with the grants of RFC 8628, RFC 8693 and RFC 7523: what a client may be configured to use. */
export const CLIENT_GRANT_TYPES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
] as const

export type ClientGrantType = (typeof CLIENT_GRANT_TYPES)[number]

/** Grants in which the client speaks for itself or on somebody's word: it has to prove who it is. */
export const CONFIDENTIAL_GRANT_TYPES: ReadonlySet<ClientGrantType> = new Set([
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
])

export const CLIENT_AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const

/** What a client of the configuration may be known by; a certificate, too, where one can be shown. */
export const CONFIGURED_AUTH_METHODS = [...CLIENT_AUTH_METHODS, 'tls_client_auth'] as const

export type ConfiguredAuthMethod = (typeof CONFIGURED_AUTH_METHODS)[number]

export type ClientAuthMethod = (typeof CLIENT_AUTH_METHODS)[number]

/** A client as the authorization server knows it. */
export interface Client {
  readonly id: string
  readonly secret: string | null
  readonly redirectUri: string
  readonly registration: { readonly url: string; readonly token: string } | null
}

/** What a login brought. */
export interface Tokens {
  readonly client: Client
  readonly accessToken: string
  readonly refreshToken: string | null
  readonly idToken: string | null
  readonly scopes: readonly string[]
  readonly expiresIn: number | null
}

/** A code that has not been redeemed yet, with all that belongs to it. */
export interface Code {
  readonly client: Client
  readonly code: string
  readonly verifier: string | null
  readonly resource: string
  readonly redirectUri: string
  /** The whole authorization response. */
  readonly response: URL
  readonly state: string
}

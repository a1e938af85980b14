import { objectOf } from '../exchange/answer.ts'
import type { Answer } from '../exchange/ask.ts'

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

export function tokensOf(answer: Answer, client: Client): Tokens | null {
  const value = answer.status === 200 ? objectOf(answer) : null
  const {
    access_token: accessToken,
    refresh_token: refreshToken,
    id_token: idToken,
    scope,
    expires_in: expiresIn,
  } = value ?? {}
  if (typeof accessToken !== 'string') return null
  return {
    client,
    accessToken,
    refreshToken: typeof refreshToken === 'string' ? refreshToken : null,
    idToken: typeof idToken === 'string' ? idToken : null,
    scopes: typeof scope === 'string' ? scope.split(' ') : [],
    expiresIn: typeof expiresIn === 'number' ? expiresIn : null,
  }
}

import type { ClientId, SubjectId } from '#core/ids.ts'
import type { LoginDemand, ProtectedResource } from '#core/snapshot.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { LoginFacts } from '#policy/login-demands.ts'
import type { DeviceRequest } from './device/device-request.ts'

/** One authorization request waiting for a person, bound to the browser that started it by the engine's path-scoped cookie. */
export interface Interaction {
  readonly uid: string
  readonly prompt: 'login' | 'consent'
  readonly clientId: ClientId
  readonly client: ClientDescription
  /** Null where a device waits for the answer. */
  readonly redirectUri: string | null
  /** The device that waits, if one does (RFC 8628). */
  readonly device?: DeviceRequest | null
  /** The MCP server that access is asked for, or the admin API. */
  readonly server: ProtectedResource
  /** Known scopes of this server that the client asked for; unknown ones are already dropped, baseline if it named none. */
  readonly scopesRequested: readonly string[]
  /** Scope values that were dropped because nobody knows them. */
  readonly scopesUnknown: readonly string[]
  /** What a login has to be for what is asked for. */
  readonly demand: LoginDemand
  /** How whoever is logged in has shown who they are; null: nobody is. */
  readonly login: LoginFacts | null
  /** Set once somebody has logged in. */
  readonly subject: SubjectId | null
}

export interface ClientDescription {
  /** Of what a metadata document says; null for a client that cannot change without us. */
  readonly digest: string | null
  readonly name: string
  /** Host of the client_id URL for Client ID Metadata Documents, else null: then the name is the client's own claim. */
  readonly clientIdHost: string | null
  readonly clientUri: string | null
  readonly kind: 'dynamic' | 'metadataDocument' | 'preregistered'
  /** Every redirect URI of the client is on this machine, so nobody can prove which program listens there. */
  readonly isLocalhostOnly: boolean
  /** Names of other, better known clients that this name could be mistaken for. */
  readonly lookalikes: readonly string[]
  readonly registeredAt: number | null
}

export interface LoginOutcome {
  readonly subject: SubjectId
  /** Seconds since the epoch. */
  readonly authTime: number
  /** False where nobody said when, and it is when they came from their identity provider. */
  readonly isTimeKnown: boolean
  readonly amr: readonly string[]
  /** The account's hash that the password was checked against: a password changed meanwhile undoes the login. */
  readonly passwordHash: string
  /** The login at an identity provider that this is; null for a password of ours. */
  readonly loginId: string | null
}

/** What was decided, and by this call or by an earlier one: a second post of the same page changes nothing. */
export interface Decided {
  readonly decision: 'allowed' | 'denied'
  /** Where to send the browser next, on our own origin. */
  readonly resumeUrl: string
}

export interface Interactions {
  /** Null when the uid is unknown or expired, or when this browser is not the one that started it: the page says to begin again. */
  load(exchange: HttpExchange, uid: string): Promise<Interaction | null>
  /** Answers the URL to send the browser to next, on our own origin; null when the interaction or the account has changed meanwhile. */
  finishLogin(exchange: HttpExchange, interaction: Interaction, outcome: LoginOutcome): Promise<string | null>
  /**
   * Opens the grant (one authorization = one grant) with exactly these scopes, which may be more or fewer than requested. Audited in the
   * same transaction. `denied` when the account may not give them any more; null when the interaction, account or client is gone.
   */
  finishConsent(exchange: HttpExchange, interaction: Interaction, scopes: readonly string[]): Promise<Decided | null>
  /** The client gets `access_denied` (RFC 6749 §4.1.2.1). Audited. */
  deny(exchange: HttpExchange, interaction: Interaction): Promise<Decided | null>
}

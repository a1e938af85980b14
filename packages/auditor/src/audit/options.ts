/**
 * What became of an authorization: the URL of the authorization response; `page`, when the browser stays at a page of the authorization server
 * that leads no further (hands off: any page); null when nothing is known, because nobody did or said anything.
 */
export type AuthorizationEnd = URL | 'page' | null

/** Somebody who can log in at the target's authorization server. */
export interface Person {
  /** Where authorization responses to this person's browser are caught, e.g. `http://127.0.0.1:50123/callback`. */
  readonly redirectUri: string
  /**
   * Has the person open an authorization URL. With `isHandsOff` nobody clicks anything: an answer then came without being asked for.
   */
  authorize(url: string, options: { readonly isHandsOff: boolean }): Promise<AuthorizationEnd>
}

/** A client that the authorization server knows already. */
export interface KnownClient {
  readonly id: string
  readonly secret: string | null
  readonly redirectUri: string
}

/** A tool that may really be called, with what it is called with. */
export interface SafeCall {
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** What the target has been set up to call, and what it was seen to send there. */
export interface CanaryUpstream {
  /** Each request that came, with all its lines and its body. */
  requests(): readonly string[]
}

export interface AuditOptions {
  /** The MCP endpoint. */
  readonly url: string
  /** Meant to be used without a token: check 1 then does not apply. */
  readonly isPublic: boolean
  /** Whether probes may register clients and mint tokens. What they make is removed again. */
  readonly mayWrite: boolean
  /** None, one, or two that are different people. */
  readonly people: readonly Person[]
  /** Access tokens that were given instead of a login: of one person, or of two. */
  readonly tokens: readonly string[]
  /** How many people log in on another device (RFC 8628) in place of a browser here: none, one, or two that are different. */
  readonly devices: number
  readonly client: KnownClient | null
  /** Another MCP endpoint of the same authorization server. */
  readonly otherResource: string | null
  /** Tokens of other issuers, real ones: of a vendor, or of what is behind the target. */
  readonly foreignTokens: readonly string[]
  /** Tools that the user says may be called with these arguments. Without them no tool is ever called in earnest. */
  readonly safeCalls: readonly SafeCall[]
  /** Null where the target calls nobody that we know of. */
  readonly upstream: CanaryUpstream | null
  /** 0: as fast as it goes. */
  readonly requestsPerSecond: number
  readonly timeoutMs: number
  /** PEM of further authorities whose certificates count. */
  readonly authority: string | null
  /** How long one probe may wait for something to end: a code, an access token. What takes longer is not tested. */
  readonly patienceSeconds: number
  wait(ms: number): Promise<unknown>
  readonly version: string
  readonly startedAt: Date
  progress(line: string): void
}

/** How many different people the audit can ask as. */
export function identitiesOf({ people, tokens, devices }: AuditOptions): number {
  return Math.max(people.length, tokens.length, devices)
}

/** The parts of oidc-provider 9.13.3 that we use, in our own words. Nothing outside this folder may see these types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  /** A stored document as the engine knows it: a flat JSON object, `jti` included. */
  export type Payload = Record<string, unknown>

  export interface Adapter {
    upsert(id: string, payload: Payload, expiresIn?: number): Promise<void>
    find(id: string): Promise<Payload | undefined>
    findByUid(uid: string): Promise<Payload | undefined>
    findByUserCode(userCode: string): Promise<Payload | undefined>
    consume(id: string): Promise<void>
    destroy(id: string): Promise<void>
    revokeByGrantId(grantId: string): Promise<void>
  }

  export interface Client {
    readonly clientId: string
    grantTypeAllowed(grantType: string): boolean
  }

  export interface Model {
    jti: string
    exp?: number
    clientId?: string
    accountId?: string
    grantId?: string
    save(ttl?: number): Promise<string>
    destroy(): Promise<void>
  }

  export interface Grant extends Model {
    addResourceScope(resource: string, scope: string): void
    getResourceScope(resource: string): string
  }

  export interface TokenSource extends Model {
    acr?: string
    authTime?: number
    amr?: readonly string[]
    scope?: string
    resource?: string
    aud?: string
    /** Thumbprints of what the token is bound to. */
    jkt?: string
    'x5t#S256'?: string
  }

  export interface Session extends Model {
    uid: string
    /** Set where the browser showed no session of ours. */
    readonly new?: boolean
    /** Of the form that this browser was shown. */
    state?: { readonly secret?: string }
    loginTs?: number
    acr?: string
    /** Methods of the login, and our mark of which (`login-mark.ts`). */
    amr?: readonly string[]
  }

  export interface Interaction extends Model {
    readonly uid: string
    exp: number
    prompt: { readonly name: string }
    params: Record<string, string | undefined>
    result?: Record<string, unknown>
    lastSubmission?: Record<string, unknown>
    session?: { accountId?: string; uid?: string }
    /** Of the device that waits for the answer. */
    readonly deviceCode?: string
  }

  /** What the engine knows of the request under way. Everything is absent until the step that finds it has run. */
  export interface RequestState {
    readonly provider: Provider
    readonly client: Client | undefined
    readonly session: Session | undefined
    readonly account: { readonly accountId: string } | undefined
    readonly params: Record<string, string | string[] | undefined> | undefined
    readonly result: { readonly login?: unknown; readonly consent?: { readonly grantId?: string } } | undefined
    readonly entities: {
      readonly Grant?: Grant
      readonly AccessToken?: TokenSource
      /** A token that no person at a browser consented to. */
      readonly ClientCredentials?: TokenSource
      readonly AuthorizationCode?: TokenSource
      readonly RefreshToken?: TokenSource
      readonly DeviceCode?: TokenSource & { readonly params?: Readonly<Record<string, unknown>> }
    }
  }

  export interface Context {
    readonly oidc: RequestState | undefined
    readonly cookies: { secure: boolean | undefined }
    readonly req: IncomingMessage
    readonly res: ServerResponse
    status: number
    body: unknown
    type: string
    respond?: boolean
    set(name: string, value: string): void
  }

  export interface ErrorOut {
    readonly error: string
    readonly error_description?: string
  }

  export class OIDCProviderError extends Error {
    constructor(options?: string)
    readonly error: string
    readonly error_description?: string
    readonly error_detail?: string
    readonly expose: boolean
    readonly allow_redirect: boolean
  }

  interface DescribedError {
    new (description?: string): OIDCProviderError
  }

  export const errors: {
    readonly InvalidTarget: DescribedError
    readonly InvalidRequest: DescribedError
    readonly InvalidGrant: typeof OIDCProviderError
    readonly CustomOIDCProviderError: { new (error: string, description: string): OIDCProviderError }
    readonly SessionNotFound: DescribedError
  }

  export type GrantHandler = (context: Context) => Promise<void>

  interface PromptClass {
    new (options: { readonly name: string; readonly requestable: boolean }, ...checks: object[]): object
  }

  interface CheckClass {
    new (
      reason: string,
      description: string,
      error: string,
      check: (context: Context) => boolean | Promise<boolean>,
    ): object
  }

  export const interactionPolicy: { readonly Prompt: PromptClass; readonly Check: CheckClass }

  export class Provider {
    constructor(issuer: string, configuration: object)
    /** Of the request under way in this asynchronous context. */
    static get ctx(): Context | undefined
    proxy: boolean
    silent: boolean
    readonly Client: { readonly prototype: { redirectUriAllowed: (this: Client, redirectUri: string) => boolean } }
    readonly Grant: { new (payload: object): Grant; find(id: string): Promise<Grant | undefined> }
    readonly Session: { get(context: Context): Promise<Session> }
    createContext(request: IncomingMessage, response: ServerResponse): Context
    /** Runs before the engine's own steps and, after `next()`, before the response is sent. */
    use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): this
    /** The engine calls it too, for its own grants, from its constructor. */
    registerGrantType(name: string, handler: GrantHandler, parameters: Set<string>, repeatable?: Set<string>): void
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    on(event: string, listener: (context: Context, error: Error) => void): this
    /** Rejects with `SessionNotFound` unless the interaction cookie names a pending interaction of this browser. */
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
  }

  export default Provider
}

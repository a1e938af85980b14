import { authorizeAsPerson, type Person } from './authorize.ts'

/** What an application keeps between runs: its registration, tokens and the verifier of a flow under way. Fits both SDK generations. */
export class StoredLogin {
  readonly redirectUrl = 'http://127.0.0.1:53682/callback'
  readonly #person: Person
  readonly #choose: ((offered: readonly string[], ticked: readonly string[]) => readonly string[]) | undefined
  #client: Record<string, unknown> | undefined
  #tokens: Record<string, unknown> | undefined
  #verifier = ''
  /** Where the browser came back to, once per authorization. */
  readonly callbacks: URL[] = []
  /** How often tokens were stored, refreshes included. */
  saves = 0

  constructor(person: Person, choose?: (offered: readonly string[], ticked: readonly string[]) => readonly string[]) {
    this.#person = person
    this.#choose = choose
  }

  get clientMetadata() {
    return {
      client_name: 'End-to-end client',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }
  }

  clientInformation() {
    return this.#client as { client_id: string } | undefined
  }

  saveClientInformation(client: object): void {
    this.#client = { ...client }
  }

  tokens() {
    return this.#tokens as
      | { access_token: string; token_type: string; refresh_token?: string; scope?: string }
      | undefined
  }

  saveTokens(tokens: object): void {
    this.saves += 1
    this.#tokens = { ...tokens }
  }

  /** Pretends that the access token is worn out, so that the next call must refresh. */
  spoilAccessToken(): void {
    this.#tokens = { ...this.#tokens, access_token: 'eyJ.worn.out' }
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    this.callbacks.push(
      await authorizeAsPerson(url.href, this.#person, this.#choose === undefined ? {} : { choose: this.#choose }),
    )
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }

  codeVerifier(): string {
    return this.#verifier
  }

  invalidateCredentials(scope: 'all' | 'client' | 'tokens' | 'verifier' | 'discovery'): void {
    if (scope === 'all' || scope === 'client') this.#client = undefined
    if (scope === 'all' || scope === 'tokens') this.#tokens = undefined
  }
}

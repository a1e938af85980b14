import { createHash } from 'node:crypto'
import { headerOf, objectOf } from '../exchange/answer.ts'
import type { Answer, Ask } from '../exchange/ask.ts'
import type { AuditOptions, AuthorizationEnd, Person } from '../options.ts'
import type { Target } from '../target/discover.ts'
import { type DeviceWorld, logInOnDevice } from './log-in-on-device.ts'
import { LoginFailed, LoginMissing } from './login-failed.ts'
import { type Client, type Code, type Tokens, tokensOf } from './tokens.ts'

/** What an authorization request is made of, where it is not what a correct client sends. Null leaves a parameter out. */
export type AuthorizationChange = Readonly<Record<string, string | null>>

/** What sends requests, makes what nobody can guess, and tells whether a token still opens its resource. */
interface Asker {
  ask(ask: Ask): Promise<Answer>
  random(length: number): Buffer
  isAlive(token: string, resource: string): Promise<boolean>
}

/** Tokens that several probes use. */
interface Kept {
  tokens: Promise<Tokens>
  /** How much had been done to tokens of this audit when these were last seen to be alive. */
  disturbances: number
  /** False for those that were never seen to open anything: there is no telling whether they are alive. */
  isTelling: boolean
}

/** Clients, codes and tokens of this audit, made as a correct client makes them. */
export class Logins {
  readonly #options: AuditOptions
  readonly #target: Target
  readonly #asker: Asker
  readonly #clients: Client[] = []
  readonly #tokens = new Map<string, Kept>()
  /** Those that a person has given, or got with a code on another device: there are no others to be had. */
  readonly #given = new Map<number, Promise<Tokens>>()
  #disturbances = 0
  #shared: Tokens | null = null
  #response: Code | null = null
  readonly #tokenResponses = new Map<string, Answer>()
  readonly #clientsOf = new Map<string, Promise<Client>>()
  #own: Promise<Client> | null = null
  #device: Promise<Client> | null = null

  constructor(options: AuditOptions, target: Target, asker: Asker) {
    this.#options = options
    this.#target = target
    this.#asker = asker
  }

  get metadata(): Readonly<Record<string, unknown>> {
    return this.#target.authorizationServer?.document.value ?? {}
  }

  endpoint(name: string): string | null {
    const url = this.metadata[`${name}_endpoint`]
    return typeof url === 'string' && URL.canParse(url) ? url : null
  }

  /** Every scope that the resource names; what it lacks for a login is asked for as the challenge has it. */
  get allScopes(): readonly string[] {
    const named = this.#target.resource?.value?.['scopes_supported']
    const scopes = Array.isArray(named)
      ? named.filter((one): one is string => typeof one === 'string' && one !== '*')
      : []
    return scopes.length > 0 ? scopes : this.leastScopes
  }

  get leastScopes(): readonly string[] {
    const challenged = /(?:^|[\s,])scope="([^"]+)"/i.exec(
      headerOf(this.#target.refusal ?? NOTHING, 'www-authenticate') ?? '',
    )?.[1]
    if (challenged !== undefined) return challenged.split(' ')
    const named = this.#target.resource?.value?.['scopes_supported']
    return Array.isArray(named) && typeof named[0] === 'string' ? [named[0]] : []
  }

  /** RFC 7591: a client of the auditor, public unless asked otherwise, forgotten at the end. */
  async register(
    change: Readonly<Record<string, unknown>> = {},
  ): Promise<{ readonly answer: Answer; readonly client: Client | null }> {
    if (!this.#options.mayWrite) throw new LoginMissing('it registers a client, and that was not allowed')
    const url = this.endpoint('registration')
    if (url === null) throw new LoginMissing('there is no registration endpoint')
    const redirectUri = this.#options.people[0]?.redirectUri ?? 'http://127.0.0.1:49152/callback'
    const wanted: Record<string, unknown> = {
      client_name: 'sallyport-audit',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      ...change,
    }
    const answer = await this.#asker.ask({
      method: 'POST',
      url,
      headers: [
        ['content-type', 'application/json'],
        ['accept', 'application/json'],
      ],
      body: JSON.stringify(wanted),
    })
    const made = answer.status === 201 || answer.status === 200 ? objectOf(answer) : null
    const id = made?.['client_id']
    if (made === null || typeof id !== 'string') return { answer, client: null }
    const {
      client_secret: secret,
      registration_client_uri: uri,
      registration_access_token: token,
      redirect_uris: uris,
    } = made
    const [first] = Array.isArray(uris) ? uris : [redirectUri]
    const client: Client = {
      id,
      secret: typeof secret === 'string' ? secret : null,
      redirectUri: typeof first === 'string' ? first : redirectUri,
      registration: typeof uri === 'string' && typeof token === 'string' ? { url: uri, token } : null,
    }
    this.#clients.push(client)
    return { answer, client }
  }

  /** The client that logs in: the given one, or one that registers itself. */
  client(): Promise<Client> {
    this.#own ??= this.#findClient()
    return this.#own
  }

  async #findClient(): Promise<Client> {
    const { client, mayWrite } = this.#options
    if (client !== null) return { ...client, registration: null }
    if (!mayWrite) throw new LoginMissing('it registers a client, and that was not allowed')
    return this.#registerOne()
  }

  async #registerOne(): Promise<Client> {
    const { client, answer } = await this.register()
    if (client === null) throw new LoginFailed(`registration was refused: ${answer.status}`)
    return client
  }

  /** Deletes a client again (RFC 7592 §2.3); null where the server offers no way. */
  async forget({ registration }: Client): Promise<Answer | null> {
    if (registration === null) return null
    return this.#asker.ask({
      method: 'DELETE',
      url: registration.url,
      headers: [['authorization', `Bearer ${registration.token}`]],
    })
  }

  async forgetAll(): Promise<void> {
    for (const client of this.#clients.splice(0)) await this.forget(client)
  }

  isForgotten(client: Client): void {
    this.#clients.splice(0, this.#clients.length, ...this.#clients.filter((one) => one !== client))
  }

  /** The URL of an authorization request, with what belongs to its answer. */
  authorization(
    client: Client,
    change: AuthorizationChange = {},
  ): { readonly url: string; readonly verifier: string; readonly state: string } {
    const endpoint = this.endpoint('authorization')
    if (endpoint === null) throw new LoginFailed('there is no authorization endpoint')
    const verifier = this.#asker.random(32).toString('base64url')
    const state = `Audit-${this.#asker.random(12).toString('base64url')}`
    const fields: Record<string, string | null> = {
      response_type: 'code',
      client_id: client.id,
      redirect_uri: client.redirectUri,
      scope: this.allScopes.join(' '),
      state,
      resource: this.#target.url,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...change,
    }
    const url = new URL(endpoint)
    for (const [name, value] of Object.entries(fields))
      if (value !== null && value !== '') url.searchParams.append(name, value)
    return { url: url.href, verifier, state: fields['state'] ?? '' }
  }

  person(index: number): Person {
    const person = this.#options.people[index]
    if (person === undefined) throw new LoginMissing('it needs somebody to log in')
    return person
  }

  /** Has a person authorize; the code, or null with what came instead. */
  async authorize(
    who: number,
    change: AuthorizationChange = {},
    client?: Client,
  ): Promise<{ readonly code: Code | null; readonly response: URL | null; readonly end: AuthorizationEnd }> {
    const by = client ?? (await this.client())
    const { url, verifier, state } = this.authorization(by, change)
    const end = await this.person(who).authorize(url, { isHandsOff: false })
    const response = end instanceof URL ? end : null
    const code = response?.searchParams.get('code') ?? new URLSearchParams(response?.hash.slice(1)).get('code')
    if (response === null || code === null) return { code: null, response, end }
    const resource = change['resource'] ?? this.#target.url
    const redirectUri = change['redirect_uri'] ?? by.redirectUri
    const sentVerifier = change['code_challenge'] === null ? null : verifier
    const made: Code = { client: by, code, verifier: sentVerifier, resource, redirectUri, response, state }
    if (Object.keys(change).length === 0) this.#response = made
    return { code: made, response, end }
  }

  /** An authorization response as a correct client gets it; its code may have been redeemed. */
  async anyResponse(): Promise<Code | null> {
    return this.#response ?? (await this.authorize(0)).code
  }

  /** Responses of the token endpoint that had tokens in them, one of each grant type. */
  get tokenResponses(): ReadonlyMap<string, Answer> {
    return this.#tokenResponses
  }

  /** A form to the token endpoint, with the client's authentication. */
  async postToken(fields: Readonly<Record<string, string | null>>, client: Client): Promise<Answer> {
    const answer = await this.postForm('token', fields, client)
    if (tokensOf(answer, client) !== null) this.#tokenResponses.set(fields['grant_type'] ?? '', answer)
    return answer
  }

  async postForm(
    endpoint: string,
    fields: Readonly<Record<string, string | null>>,
    client: Client | null,
    more: ReadonlyArray<readonly [string, string]> = [],
  ): Promise<Answer> {
    const url = this.endpoint(endpoint)
    if (url === null) throw new LoginFailed(`there is no ${endpoint} endpoint`)
    this.#disturbances += 1
    const form = new URLSearchParams()
    for (const [name, value] of Object.entries(fields)) if (value !== null) form.set(name, value)
    const headers: [string, string][] = [
      ['content-type', 'application/x-www-form-urlencoded'],
      ['accept', 'application/json'],
      ...more.map(([name, value]): [string, string] => [name, value]),
    ]
    if (client !== null && client.secret === null) form.set('client_id', client.id)
    else if (client !== null)
      headers.push([
        'authorization',
        `Basic ${Buffer.from(`${encodeURIComponent(client.id)}:${encodeURIComponent(client.secret ?? '')}`).toString('base64')}`,
      ])
    return this.#asker.ask({ method: 'POST', url, headers, body: form.toString() })
  }

  redeem(
    code: Code,
    change: Readonly<Record<string, string | null>> = {},
    client: Client = code.client,
  ): Promise<Answer> {
    const fields = {
      grant_type: 'authorization_code',
      code: code.code,
      redirect_uri: code.redirectUri,
      code_verifier: code.verifier,
      resource: code.resource,
      ...change,
    }
    return this.postToken(fields, client)
  }

  refresh(
    tokens: Tokens,
    change: Readonly<Record<string, string | null>> = {},
    client: Client = tokens.client,
  ): Promise<Answer> {
    return this.postToken({ grant_type: 'refresh_token', refresh_token: tokens.refreshToken, ...change }, client)
  }

  /** A whole login, anew. */
  async login(who: number, change: AuthorizationChange = {}, client?: Client): Promise<Tokens> {
    const { code, response } = await this.authorize(who, change, client)
    if (code === null) throw new LoginFailed(`the login brought no code${errorIn(response)}`)
    const answer = await this.redeem(code)
    const tokens = tokensOf(answer, code.client)
    if (tokens === null) throw new LoginFailed(`the code brought no token: ${answer.status}`)
    return tokens
  }

  /**
   * A login of the first person that probes share, so that people are not asked for each of them. Its refresh token has just worked: whoever
   * destroys it has the next one log in anew.
   */
  async shared(): Promise<Tokens> {
    const kept = this.#shared
    const renewed = kept === null ? null : await this.#renewed(kept)
    this.#shared = renewed ?? (await this.login(0))
    return this.#shared
  }

  /** Tokens that a probe had to get and has no more use for. */
  share(tokens: Tokens): void {
    this.#shared = tokens
  }

  async #renewed(kept: Tokens): Promise<Tokens | null> {
    if (kept.refreshToken === null) return (await this.#asker.isAlive(kept.accessToken, this.#target.url)) ? kept : null
    const renewed = tokensOf(await this.refresh(kept), kept.client)
    // A server that does not rotate need not repeat the refresh token (RFC 6749 §6).
    if (renewed === null) return null
    const scopes = renewed.scopes.length > 0 ? renewed.scopes : kept.scopes
    return { ...renewed, scopes, refreshToken: renewed.refreshToken ?? kept.refreshToken }
  }

  /** The tokens of a person for this resource with every scope, logged in once. */
  full(who: number): Promise<Tokens> {
    const isGiven = this.#options.people[who] === undefined
    if (!isGiven) return this.#once('full', who, this.#target.url, {})
    const given = this.#given.get(who) ?? this.#findGiven(who)
    this.#given.set(who, given)
    given.catch(() => undefined)
    return given
  }

  /** The same person with the least scopes. */
  least(who: number): Promise<Tokens> {
    return this.#once('least', who, this.#target.url, { scope: this.leastScopes.join(' ') })
  }

  /** The same person for the other resource. */
  elsewhere(who: number, resource: string): Promise<Tokens> {
    return this.#once(`elsewhere ${resource}`, who, resource, { resource })
  }

  #findGiven(who: number): Promise<Tokens> {
    const accessToken = this.#options.tokens[who]
    if (accessToken === undefined) return who < this.#options.devices ? this.#onDevice(who) : this.login(who)
    const client: Client = { id: '', secret: null, redirectUri: '', registration: null }
    return Promise.resolve({ client, accessToken, refreshToken: null, idToken: null, scopes: [], expiresIn: null })
  }

  async #onDevice(who: number): Promise<Tokens> {
    this.#device ??= this.#findDeviceClient()
    const options = this.#options
    const world: DeviceWorld = {
      post: (endpoint, fields, client) => this.postForm(endpoint, fields, client),
      wait: (ms) => options.wait(ms),
      tell: (line) => options.progress(line),
    }
    const asked = { scope: this.allScopes.join(' '), resource: this.#target.url }
    return await logInOnDevice(world, await this.#device, asked, who)
  }

  async #findDeviceClient(): Promise<Client> {
    if (this.#options.client !== null) return this.client()
    const { client, answer } = await this.register({
      redirect_uris: [],
      response_types: [],
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    })
    if (client === null)
      throw new LoginFailed(`registration of a client for the device flow was refused: ${answer.status}`)
    return client
  }

  /**
   * Logged in once, and again when they have ended meanwhile: servers end more than what a probe puts at risk, such as all that a person ever
   * gave this client. For that reason each has a client of its own, where clients can be had.
   */
  async #once(kind: string, who: number, resource: string, change: AuthorizationChange): Promise<Tokens> {
    const key = `${kind} ${who}`
    const login = async () => this.login(who, change, await this.#clientFor(kind))
    const kept = this.#tokens.get(key)
    if (kept === undefined) return (await this.#keep(key, resource, login)).tokens
    const tokens = await kept.tokens
    if (!kept.isTelling || kept.disturbances === this.#disturbances) return tokens
    kept.disturbances = this.#disturbances
    if (await this.#asker.isAlive(tokens.accessToken, resource)) return tokens
    return (await this.#keep(key, resource, login)).tokens
  }

  async #clientFor(kind: string): Promise<Client> {
    if (this.#options.client !== null || !this.#options.mayWrite) return this.client()
    const known = this.#clientsOf.get(kind) ?? this.#registerOne()
    this.#clientsOf.set(kind, known)
    return known
  }

  async #keep(key: string, resource: string, login: () => Promise<Tokens>): Promise<Kept> {
    const kept: Kept = { tokens: login(), disturbances: 0, isTelling: false }
    this.#tokens.set(key, kept)
    const { accessToken } = await kept.tokens
    kept.isTelling = await this.#asker.isAlive(accessToken, resource)
    kept.disturbances = this.#disturbances
    return kept
  }
}

const NOTHING: Answer = {
  status: 0,
  headers: [],
  text: '',
  isCut: false,
  failure: null,
  durationMs: 0,
  tlsVersion: null,
}

function errorIn(response: URL | null): string {
  const error = response?.searchParams.get('error')
  return error == null ? '' : `: ${error}`
}

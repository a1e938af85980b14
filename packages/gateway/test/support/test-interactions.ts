import type {
  ClientDescription,
  Decided,
  Interaction,
  Interactions,
  LoginOutcome,
} from '#authorization-server/interactions.ts'
import { acrOf } from '#core/acr.ts'
import { asClientId, asServerId, type SubjectId } from '#core/ids.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { sendRedirect, sendText } from '#http/respond.ts'
import { adminApi } from '#policy/admin-api.ts'

export interface Started {
  readonly clientName?: string
  readonly client?: Partial<ClientDescription>
  readonly redirectUri: string
  readonly scopes?: readonly string[]
  readonly unknownScopes?: readonly string[]
  /** Skips the login when set. */
  readonly subject?: SubjectId
  /** Asks for the admin API instead of the server `notes`. */
  readonly isAdminApi?: boolean
}

export type Outcome =
  | { readonly kind: 'login'; readonly uid: string; readonly outcome: LoginOutcome }
  | { readonly kind: 'consent'; readonly uid: string; readonly subject: SubjectId; readonly scopes: readonly string[] }
  | { readonly kind: 'deny'; readonly uid: string }

/**
 * Plays the engine: interactions bound to one browser by a path-scoped cookie, a new one for consent after the login, and a resume
 * address that redirects to the client. `P/begin/:uid` is where the browser starts.
 */
export class TestInteractions implements Interactions {
  readonly outcomes: Outcome[] = []
  readonly routes: Route[]
  readonly #current: () => Snapshot
  readonly #open = new Map<string, { readonly interaction: Interaction; readonly secret: string }>()
  readonly #resumes = new Map<string, string>()
  #count = 0

  constructor(current: () => Snapshot) {
    this.#current = current
    this.routes = [
      { method: 'GET', path: '/begin/:uid', handler: async (exchange, { uid = '' }) => this.#begin(exchange, uid) },
      {
        method: 'GET',
        path: '/oauth/resume/:uid',
        handler: async (exchange, { uid = '' }) => this.#resume(exchange, uid),
      },
    ]
  }

  /** Opens an interaction; the browser has to visit `/begin/{uid}` first. */
  start(started: Started): string {
    const server = this.#current().servers.get(asServerId('notes'))
    if (server === undefined) throw new Error('the test snapshot has no server called notes')
    return this.#add({
      prompt: started.subject ? 'consent' : 'login',
      clientId: asClientId('client-1'),
      client: {
        name: started.clientName ?? 'Claude Code',
        clientIdHost: null,
        clientUri: null,
        kind: 'dynamic',
        digest: null,
        isLocalhostOnly: false,
        lookalikes: [],
        registeredAt: null,
        ...started.client,
      },
      redirectUri: started.redirectUri,
      server: started.isAdminApi ? adminApi(this.#current()) : server,
      scopesRequested: started.scopes ?? ['notes:read'],
      demand: { multiFactor: false, maxAgeSeconds: null },
      login: started.subject ? { acr: null, authTime: Math.floor(Date.now() / 1000) } : null,
      scopesUnknown: started.unknownScopes ?? [],
      subject: started.subject ?? null,
    })
  }

  /** As if another account had signed in to the same authorization. */
  replaceSubject(uid: string, subject: SubjectId): void {
    const held = this.#open.get(uid)
    if (held !== undefined) this.#open.set(uid, { ...held, interaction: { ...held.interaction, subject } })
  }

  /** As if the client had changed since the page was shown. */
  changeClient(uid: string, change: Partial<ClientDescription>): void {
    const held = this.#open.get(uid)
    if (held === undefined) return
    const { interaction } = held
    this.#open.set(uid, { ...held, interaction: { ...interaction, client: { ...interaction.client, ...change } } })
  }

  async load(exchange: HttpExchange, uid: string): Promise<Interaction | null> {
    const held = this.#open.get(uid)
    const cookies = (exchange.request.headers.cookie ?? '').split('; ')
    return held !== undefined && cookies.includes(`interaction=${held.secret}`) ? held.interaction : null
  }

  async finishLogin(_exchange: HttpExchange, interaction: Interaction, outcome: LoginOutcome): Promise<string> {
    this.outcomes.push({ kind: 'login', uid: interaction.uid, outcome })
    this.#open.delete(interaction.uid)
    const { uid: _uid, ...rest } = interaction
    const login = { acr: acrOf(outcome.amr), authTime: outcome.authTime, isTimeKnown: outcome.isTimeKnown }
    return `/begin/${this.#add({ ...rest, prompt: 'consent', subject: outcome.subject, login })}`
  }

  async finishConsent(_exchange: HttpExchange, interaction: Interaction, scopes: readonly string[]): Promise<Decided> {
    if (interaction.subject === null) throw new Error('consent without a subject')
    this.outcomes.push({ kind: 'consent', uid: interaction.uid, subject: interaction.subject, scopes })
    return { decision: 'allowed', resumeUrl: this.#end(interaction, 'code=c0de') }
  }

  async deny(_exchange: HttpExchange, interaction: Interaction): Promise<Decided> {
    this.outcomes.push({ kind: 'deny', uid: interaction.uid })
    return { decision: 'denied', resumeUrl: this.#end(interaction, 'error=access_denied') }
  }

  #add(interaction: Omit<Interaction, 'uid'>): string {
    this.#count += 1
    const uid = `uid-${this.#count}`
    this.#open.set(uid, { interaction: { ...interaction, uid }, secret: `secret-${this.#count}-${Math.random()}` })
    return uid
  }

  #end(interaction: Interaction, query: string): string {
    this.#open.delete(interaction.uid)
    const target = new URL(interaction.redirectUri ?? '')
    target.search = query
    this.#resumes.set(interaction.uid, target.href)
    return `${this.#current().publicUrl}/oauth/resume/${interaction.uid}`
  }

  #begin(exchange: HttpExchange, uid: string): void {
    const held = this.#open.get(uid)
    if (held === undefined) {
      sendText(exchange.response, 404, 'no such interaction')
      return
    }
    const path = `/${held.interaction.prompt}/${uid}`
    exchange.response.setHeader('set-cookie', `interaction=${held.secret}; Path=${path}; HttpOnly; SameSite=Lax`)
    sendRedirect(exchange.response, path)
  }

  #resume(exchange: HttpExchange, uid: string): void {
    const target = this.#resumes.get(uid)
    if (target === undefined) sendText(exchange.response, 404, 'nothing to resume')
    else sendRedirect(exchange.response, target)
  }
}

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { type Context, type GrantHandler, type Interaction, type OIDCProviderError, Provider } from 'oidc-provider'
import type { Random } from '#core/random.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { AccessTokenVerifier } from '#identity/access-tokens.ts'
import type { IssuerKeys } from '#identity/issuer-keys.ts'
import type { SigningKeys } from '#keys/signing-keys.ts'
import { answerNotAvailable } from '../not-available.ts'
import { createRedirectCheck } from './clients.ts'
import { engineConfiguration } from './configuration.ts'
import { DEVICE_CODE_GRANT, paceDevices } from './device-polling.ts'
import { offerDirectGrants } from './direct-grants.ts'
import { engineRequest } from './request.ts'
import { type SettleDependencies, settle } from './settle.ts'
import { currentUnit, runUnit, type UnitDependencies, type UnitOfWork } from './unit-of-work.ts'

/** The part of the engine that the rest of the authorization server sees. One engine serves one issuer. */
export interface Engine {
  /** Runs one engine endpoint and answers the exchange. `url` is the endpoint's own path below the issuer, with its query. */
  answer(exchange: HttpExchange, unit: UnitOfWork, url: string, form: URLSearchParams | null): Promise<void>
  /** The pending interaction of this browser, by its cookie; null when there is none. Must run inside a unit. */
  interactionOf(exchange: HttpExchange): Promise<Interaction | null>
  /** Ends the login session of this browser unless it is this account's. Must run inside a unit. */
  endOtherLogin(exchange: HttpExchange, accountId: string): Promise<void>
  /** Whether this browser has shown a session cookie that we gave out, be it over by now. Must run inside a unit. */
  hasSession(exchange: HttpExchange): Promise<boolean>
  /** A new grant of the engine, saved in the unit under the id given. */
  saveGrant(grant: {
    readonly grantId: string
    readonly accountId: string
    readonly clientId: string
    readonly resource: string
    readonly scopes: readonly string[]
    readonly seconds: number
  }): Promise<void>
}

export interface EngineDependencies extends UnitDependencies {
  readonly random: Random
  readonly accessTokens: Pick<AccessTokenVerifier, 'verify'>
  readonly issuerKeys: IssuerKeys
  /** Told when the store failed: the caller sees only a 503. */
  readonly onFailure: (requestId: string, cause: unknown) => void
}

export function createEngine(issuer: string, keys: SigningKeys, dependencies: EngineDependencies): Engine {
  const provider = new SecureProvider(issuer, engineConfiguration({ ...dependencies, issuer, keys }))
  offerDirectGrants(provider, builtInHandler(provider, 'client_credentials'), dependencies)
  paceDevices(provider, builtInHandler(provider, DEVICE_CODE_GRANT), dependencies)
  // Host and scheme come from the request that `engineRequest` makes, which says what P is.
  provider.proxy = true
  provider.silent = true
  provider.Client.prototype.redirectUriAllowed = createRedirectCheck(dependencies.registry)
  for (const event of REFUSALS) provider.on(event, noteRefusal)
  provider.on('server_error', (_, error) => {
    currentUnit().failure ??= error
  })
  // Composition is captured by `callback()`, so this has to come first.
  provider.use((context, next) => transact(context, next, { ...dependencies, keys }))
  const run = provider.callback()

  return {
    async answer(exchange, first, url, form) {
      const { request, response } = exchange
      const before = response.getHeaders()
      const attempt = async (unit: UnitOfWork): Promise<UnitOfWork> => {
        const made = engineRequest({
          method: form === null ? 'GET' : 'POST',
          url,
          issuer: exchange.otherOrigin ?? unit.snapshot.publicUrl,
          cookie: request.headers.cookie,
          authorization: form === null ? undefined : request.headers.authorization,
          dpop: unit.proof?.text,
          form,
        })
        await runUnit(unit, () => run(made, response))
        if (isUnanswered(unit)) restoreHeaders(response, before)
        return unit
      }
      let unit = await attempt(first)
      // As if it had come a moment later: what the other request ended is not there any more, and the engine says what that means.
      if (unit.isOvertaken) unit = await attempt(first.again())
      if (!isUnanswered(unit)) return
      if (unit.storeFailure === null) throw unit.failure
      dependencies.onFailure(exchange.requestId, unit.storeFailure)
      answerNotAvailable(exchange, form === null || unit.endpoint === 'device' ? 'person' : 'program')
    },
    async interactionOf(exchange) {
      try {
        return await provider.interactionDetails(exchange.request, exchange.response)
      } catch (error) {
        if (error instanceof Error && error.name === 'SessionNotFound') return null
        throw error
      }
    },
    async endOtherLogin(exchange, accountId) {
      const session = await provider.Session.get(provider.createContext(exchange.request, exchange.response))
      if (session.accountId !== undefined && session.accountId !== accountId) await session.destroy()
    },
    async hasSession(exchange) {
      const session = await provider.Session.get(provider.createContext(exchange.request, exchange.response))
      return session.new !== true
    },
    async saveGrant({ grantId, accountId, clientId, resource, scopes, seconds }) {
      const grant = new provider.Grant({ jti: grantId, accountId, clientId, expiresIn: seconds })
      grant.addResourceScope(resource, scopes.join(' '))
      await grant.save()
    },
  }
}

const REFUSALS = [
  'grant.error',
  'revocation.error',
  'authorization.error',
  'pushed_authorization_request.error',
  'device_authorization.error',
  'code_verification.error',
  'device_resume.error',
]

/** The engine's own handlers of grants that we put something in front of. */
const builtIn = new WeakMap<Provider, Map<string, GrantHandler>>()

function builtInHandler(provider: Provider, grantType: string): GrantHandler {
  const handler = builtIn.get(provider)?.get(grantType)
  if (handler === undefined) throw new Error(`the engine offers no ${grantType}`)
  return handler
}

/** Sends Secure cookies on a loopback P without TLS as well: browsers treat loopback as trustworthy. */
class SecureProvider extends Provider {
  override registerGrantType(name: string, handler: GrantHandler, parameters: Set<string>, repeatable?: Set<string>) {
    // The first of each name is the engine's own, in its constructor, before this class has fields.
    const known = builtIn.get(this) ?? new Map<string, GrantHandler>()
    builtIn.set(this, known)
    if (!known.has(name)) known.set(name, handler)
    super.registerGrantType(name, handler, parameters, repeatable)
  }

  override createContext(request: IncomingMessage, response: ServerResponse): Context {
    const context = super.createContext(request, response)
    context.cookies.secure = true
    return context
  }
}

/** The engine answers in memory; this stores, and lets the answer go only then. */
async function transact(context: Context, next: () => Promise<void>, dependencies: SettleDependencies): Promise<void> {
  const unit = currentUnit()
  const corsBefore = corsHeaders(context.res)
  try {
    await next()
    if (unit.storeFailure === null && unit.failure === null) await settle(context, unit, dependencies)
  } catch (error) {
    unit.failure ??= error
  }
  if (isUnanswered(unit)) context.respond = false
  for (const [name, value] of Object.entries(ENGINE_HEADERS)) context.set(name, value)
  // Which origins may read our answers is decided in http/cors.ts; the engine would let every one.
  for (const name of context.res.getHeaderNames()) {
    if (name.startsWith('access-control-') && !corsBefore.has(name)) context.res.removeHeader(name)
  }
}

/**
 * For every answer of the engine: tokens, codes in redirects, interaction ids in redirects, refusals. RFC 6749 §5.1 asks for `no-store`
 * with tokens; a redirect's address must not be told on by the page it leads to (RFC 9700 §4.2.4).
 */
const ENGINE_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const

/** Whether the engine's answer must not be sent. */
function isUnanswered(unit: UnitOfWork): boolean {
  return unit.storeFailure !== null || unit.failure !== null || unit.isOvertaken
}

function restoreHeaders(response: ServerResponse, before: OutgoingHttpHeaders): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  for (const [name, value] of Object.entries(before)) if (value !== undefined) response.setHeader(name, value)
}

function corsHeaders(response: ServerResponse): ReadonlySet<string> {
  return new Set(response.getHeaderNames().filter((name) => name.startsWith('access-control-')))
}

function noteRefusal(_: Context, error: Error): void {
  // Guaranteed by the engine: these events carry its own errors.
  const { error: code, error_description: description, error_detail: detail } = error as OIDCProviderError
  currentUnit().refusal ??= { code, description: description ?? null, detail: detail ?? null }
}

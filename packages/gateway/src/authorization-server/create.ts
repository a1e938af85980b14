import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { Random } from '#core/random.ts'
import { ok, refused } from '#core/result.ts'
import type { Snapshot, SnapshotSource } from '#core/snapshot.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { readForm } from '#http/form.ts'
import { headerCount } from '#http/header-count.ts'
import { pageHeaders } from '#http/page-headers.ts'
import { sendEmpty, sendHtml, sendJson } from '#http/respond.ts'
import type { AccessTokenVerifier } from '#identity/access-tokens.ts'
import { createFailureBudget } from '#identity/failure-budget.ts'
import { createIssuerKeys, type IssuerKeys } from '#identity/issuer-keys.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { SigningKeys } from '#keys/signing-keys.ts'
import { addressGroup } from '#net/addresses.ts'
import { fetchDocument } from '#net/fetch-document.ts'
import { issuesHere } from '#policy/admin-api.ts'
import type { Store } from '#store/ports/store.ts'
import { admitWorkload } from './assertions/admit-workload.ts'
import { refuseAssertion } from './assertions/refuse-assertion.ts'
import { authorizeParameters, deviceParameters, pushedParameters } from './authorize-parameters.ts'
import type { ClientRegistry } from './clients/registry.ts'
import { startCollector } from './collect-expired.ts'
import { deviceRoutes } from './device/device-endpoint.ts'
import { bringsLiveToken } from './engine/brings-live-token.ts'
import { createEngine, type Engine } from './engine/create-engine.ts'
import { createInteractions } from './engine/interactions.ts'
import { type Endpoint, runUnit, UnitOfWork } from './engine/unit-of-work.ts'
import type { Interactions } from './interactions.ts'
import { introspect } from './introspection/introspect.ts'
import type { LoginChecks } from './login/provider/login-checks.ts'
import { authorizationServerMetadata, openidConfiguration } from './metadata.ts'
import { answerNotAvailable } from './not-available.ts'
import { errorPage } from './pages/error-page.ts'
import { register } from './register.ts'
import { admitProof } from './sender/admit-proof.ts'
import { refuseProof } from './sender/refuse-proof.ts'
import { revocationParameters, tokenParameters } from './token-parameters.ts'

const CACHE_SECONDS_MAX = 300
/** Metadata changes with the configuration. */
const METADATA_CACHE = { 'cache-control': `public, max-age=${CACHE_SECONDS_MAX}` }

/** Half the time for which a key is published before it signs: whoever keeps the set so long knows each key in time. */
function keySetCacheSeconds({ signing }: Snapshot): number {
  return Math.min(CACHE_SECONDS_MAX, Math.floor(signing.publishAheadSeconds / 2))
}

/** Each authorization request that nobody has answered yet is a document in the store; this bounds them per address. */
const AUTHORIZE_LIMIT = { burst: 1_200, periodSeconds: 600 }

export interface AuthorizationServerDependencies {
  readonly snapshots: SnapshotSource
  readonly store: Store
  readonly sealer: Sealer
  readonly keys: SigningKeys
  readonly registry: ClientRegistry
  /** What judges access tokens at the doors, for those that are exchanged. */
  readonly accessTokens: Pick<AccessTokenVerifier, 'verify'>
  /** What judges all that opens a door, for who asks about it. */
  readonly doors: Pick<AccessTokenVerifier, 'verify'>
  readonly audit: AuditTrail
  readonly clock: Clock
  readonly random: Random
  /** Asks identity providers again before a refresh; absent: nobody is asked. */
  readonly loginChecks?: Pick<LoginChecks, 'atRefresh'>
  /** Told when the store failed: the caller sees only a 503. Bugs are thrown, and are the listener's to report. */
  readonly onFailure?: (requestId: string, cause: unknown) => void
}

export interface AuthorizationServer {
  readonly routes: Route[]
  readonly interactions: Interactions
  close(): Promise<void>
}

/**
 * The authorization server: metadata, keys, registration, and the endpoints that the engine runs. Issuer and endpoint addresses come from
 * the snapshot; the engine is rebuilt when P or the signing keys change, and reads everything else from the snapshot of each request.
 */
export function createAuthorizationServer(dependencies: AuthorizationServerDependencies): AuthorizationServer {
  const { snapshots, store, keys, registry, clock, audit, onFailure = () => undefined } = dependencies
  const issuerKeys = createIssuerKeys(fetchDocument, clock)
  const engineOf = engineByIssuer({ ...dependencies, issuerKeys, onFailure })
  const failures = createFailureBudget(clock)
  const collector = startCollector(store.engine, clock)

  const unitFor = (
    exchange: HttpExchange,
    endpoint: Endpoint,
    snapshot: Snapshot,
    shown: Partial<Pick<UnitOfWork, 'proof' | 'secretIn' | 'typedUserCode' | 'workload'>> = {},
  ) =>
    new UnitOfWork(dependencies, {
      snapshot,
      endpoint,
      ...shown,
      requestId: exchange.requestId,
      clientAddress: exchange.clientAddress,
      certificate: exchange.certificate ?? null,
    })

  const workloadOf = (parameters: URLSearchParams, secretIn: UnitOfWork['secretIn'], snapshot: Snapshot) => {
    const showsClient = secretIn !== null || ['client_id', 'client_assertion'].some((name) => parameters.has(name))
    return admitWorkload(parameters, showsClient, snapshot, { keys: issuerKeys, now: clock.nowSeconds() })
  }

  /** False when too much was begun from there, or nothing can be, and the exchange has been answered. */
  const mayBegin = async (
    exchange: HttpExchange,
    snapshot: Snapshot,
    reader: 'person' | 'program',
    endpoint: string,
  ) => {
    const draw = { key: `authorize:${addressGroup(exchange.clientAddress)}`, ...AUTHORIZE_LIMIT }
    try {
      const limit = await store.limits.draw(snapshot.tenant, [draw], clock.nowMs())
      if (limit.kind === 'allowed') return true
      await recordUnread(audit, exchange, snapshot, { endpoint, status: 429 })
      if (reader === 'person') tooMany(exchange, limit.retryAfterSeconds)
      else tooManyRequests(exchange, limit.retryAfterSeconds)
    } catch (cause) {
      onFailure(exchange.requestId, cause)
      answerNotAvailable(exchange, reader)
    }
    return false
  }

  const authorize = async (exchange: HttpExchange) => {
    if (refusedHead(exchange)) return
    const snapshot = snapshots.current()
    const unit = unitFor(exchange, 'authorize', snapshot)
    if (!(await mayBegin(exchange, snapshot, 'person', 'authorize'))) return
    const query = authorizeParameters(exchange.query, snapshot)
    await engineOf(snapshot).answer(exchange, unit, `/oauth/authorize?${query.toString()}`, null)
  }

  const resume = async (exchange: HttpExchange, uid: string) => {
    if (refusedHead(exchange)) return
    const snapshot = snapshots.current()
    const url = `/oauth/authorize/${encodeURIComponent(uid)}`
    await engineOf(snapshot).answer(exchange, unitFor(exchange, 'resume', snapshot), url, null)
  }

  const form = async (exchange: HttpExchange, endpoint: FormEndpoint) => {
    const read = headerCount(exchange.request, 'authorization') > 1 ? TWO_CREDENTIALS : await readForm(exchange.request)
    const snapshot = snapshots.current()
    if (!read.ok) {
      // RFC 6749 §5.2: a repeated parameter or a body in another form is an invalid request.
      const description = `${read.refusal.problem} (request ${exchange.requestId})`
      failures.countFailure(exchange.clientAddress)
      await recordUnread(audit, exchange, snapshot, { endpoint, status: read.refusal.status })
      sendJson(exchange.response, read.refusal.status, { error: 'invalid_request', error_description: description })
      return
    }
    const { path, parametersOf, takesProof, begins } = FORM_ENDPOINTS[endpoint]
    const parameters = parametersOf(read.value, snapshot)
    const waitSeconds = failures.waitSeconds(exchange.clientAddress)
    if (waitSeconds > 0) {
      try {
        if (!(await bringsLiveToken(parameters, snapshot, store.engine, clock))) {
          await recordUnread(audit, exchange, snapshot, { endpoint, status: 429 })
          return tooManyRequests(exchange, waitSeconds)
        }
      } catch (cause) {
        onFailure(exchange.requestId, cause)
        return answerNotAvailable(exchange, 'program')
      }
    }
    const proof = takesProof ? admitProof(exchange.request, clock.nowSeconds()) : ok(null)
    if (!proof.ok) {
      failures.countFailure(exchange.clientAddress)
      return await refuseProof(audit, exchange, snapshot, { endpoint, reason: proof.refusal })
    }
    if (endpoint === 'token' && !(await mayRefresh(exchange, parameters))) return
    // A server may have been given another algorithm a moment ago.
    if (endpoint === 'token') await keys.ensure(snapshot.signing.algorithms)
    if (begins && !(await mayBegin(exchange, snapshot, 'program', endpoint))) return
    const secretIn = placeOfSecret(exchange, parameters)
    const workload = endpoint === 'token' ? await workloadOf(parameters, secretIn, snapshot) : ok(null)
    if (!workload.ok) {
      const { kind, reason } = workload.refusal
      if (kind === 'invalid') {
        failures.countFailure(exchange.clientAddress)
        return await refuseAssertion(audit, exchange, snapshot, reason)
      }
      onFailure(exchange.requestId, new Error(reason))
      return answerNotAvailable(exchange, 'program')
    }
    if (workload.value !== null) parameters.set('client_id', workload.value.workload.clientId)
    const unit = unitFor(exchange, endpoint, snapshot, { proof: proof.value, secretIn, workload: workload.value })
    await engineOf(snapshot).answer(exchange, unit, path, parameters)
    const { statusCode } = exchange.response
    const isFailure = (statusCode === 400 || statusCode === 401) && unit.refusal?.code !== 'authorization_pending'
    if (isFailure) failures.countFailure(exchange.clientAddress)
  }

  /** False when the provider that vouches for the person could not be asked for too long, and the exchange has been answered. */
  const mayRefresh = async (exchange: HttpExchange, parameters: URLSearchParams) => {
    const refreshToken = parameters.get('grant_type') === 'refresh_token' ? parameters.get('refresh_token') : null
    if (refreshToken === null || dependencies.loginChecks === undefined) return true
    try {
      if ((await dependencies.loginChecks.atRefresh(refreshToken, exchange.requestId)) === 'goOn') return true
    } catch (cause) {
      onFailure(exchange.requestId, cause)
    }
    answerNotAvailable(exchange, 'program')
    return false
  }

  const get = (path: string, handler: Route['handler']): Route => ({ method: 'GET', path, handler })
  const post = (path: string, handler: Route['handler']): Route => ({ method: 'POST', path, handler })
  const token = (exchange: HttpExchange) => form(exchange, 'token')
  const registration = async (exchange: HttpExchange) => {
    const unread = (status: number) =>
      recordUnread(audit, exchange, snapshots.current(), { endpoint: 'register', status })
    try {
      await register(exchange, registry, unread)
    } catch (cause) {
      onFailure(exchange.requestId, cause)
      answerNotAvailable(exchange, 'program')
    }
  }

  const device = deviceRoutes({
    ...dependencies,
    mayBegin: (exchange, snapshot) => mayBegin(exchange, snapshot, 'person', 'device'),
    run: (exchange, snapshot, { endpoint, path, typed }, fields) =>
      engineOf(snapshot).answer(
        exchange,
        unitFor(exchange, endpoint, snapshot, { typedUserCode: typed }),
        path,
        fields,
      ),
    hasSession: (exchange, snapshot) =>
      runUnit(unitFor(exchange, 'device', snapshot), () => engineOf(snapshot).hasSession(exchange)),
    onStoreFailure: (exchange, cause) => {
      onFailure(exchange.requestId, cause)
      answerNotAvailable(exchange, 'person')
    },
  })

  const routes = [
    get('/oauth/authorize', authorize),
    get('/oauth/authorize/:uid', (exchange, { uid }) => resume(exchange, uid ?? '')),
    post('/oauth/token', token),
    post('/oauth/revoke', (exchange) => form(exchange, 'revoke')),
    post('/oauth/par', (exchange) => form(exchange, 'par')),
    post('/oauth/device_authorization', (exchange) => form(exchange, 'deviceAuthorization')),
    ...device,
    post('/oauth/introspect', (exchange) => introspect(exchange, { ...dependencies, failures, onFailure })),
    post('/oauth/register', registration),
    get('/oauth/jwks', async ({ response }) =>
      sendJson(
        response,
        200,
        { keys: keys.publicJwks },
        {
          'cache-control': `public, max-age=${keySetCacheSeconds(snapshots.current())}`,
          'content-type': 'application/jwk-set+json',
        },
      ),
    ),
    // 2025-03-26 clients that find no metadata fall back to these addresses at the origin.
    get('/authorize', authorize),
    post('/token', token),
    post('/register', registration),
    ...metadataRoutes(snapshots),
  ]

  return {
    routes,
    interactions: createInteractions({ ...dependencies, engineOf }),
    close: () => collector.stop(),
  }
}

/** Every address at which clients look for the metadata of the server whose MCP endpoint they were given. */
function metadataRoutes(snapshots: SnapshotSource): Route[] {
  const serve =
    (document: (snapshot: Snapshot) => Record<string, unknown>): Route['handler'] =>
    async ({ response, requestId }, { server }) => {
      const snapshot = snapshots.current()
      const isKnown =
        server === undefined || [...snapshot.servers.values()].some((known) => known.id === server && issuesHere(known))
      if (isKnown) sendJson(response, 200, document(snapshot), METADATA_CACHE)
      else sendJson(response, 404, { error: 'not_found', error_description: `No such server (request ${requestId})` })
    }
  const documents = [
    { name: 'oauth-authorization-server', document: authorizationServerMetadata },
    { name: 'openid-configuration', document: openidConfiguration },
  ]
  return documents.flatMap(({ name, document }) =>
    [`/.well-known/${name}`, `/.well-known/${name}/mcp/:server`, `/mcp/:server/.well-known/${name}`].map(
      (path): Route => ({ method: 'GET', path, handler: serve(document) }),
    ),
  )
}

function engineByIssuer(
  dependencies: Required<Omit<AuthorizationServerDependencies, 'loginChecks'>> & { readonly issuerKeys: IssuerKeys },
): (snapshot: Snapshot) => Engine {
  let built: { readonly issuer: string; readonly keys: number; readonly engine: Engine } | null = null
  return ({ publicUrl }) => {
    const { keys } = dependencies
    if (built?.issuer !== publicUrl || built.keys !== keys.version)
      built = { issuer: publicUrl, keys: keys.version, engine: createEngine(publicUrl, keys, dependencies) }
    return built.engine
  }
}

/** RFC 6749 §2.3: one method of authentication per request. Node keeps the first of two headers and says nothing. */
const TWO_CREDENTIALS = refused({ status: 400, problem: 'The Authorization header was sent more than once.' })

type FormEndpoint = 'token' | 'revoke' | 'par' | 'deviceAuthorization'

interface FormEndpointRules {
  readonly path: string
  readonly parametersOf: (form: URLSearchParams, snapshot: Snapshot) => URLSearchParams
  /** Whether a DPoP proof means something there. */
  readonly takesProof: boolean
  /** Whether it leaves something in the store that waits for a person. */
  readonly begins: boolean
}

const FORM_ENDPOINTS: Readonly<Record<FormEndpoint, FormEndpointRules>> = {
  token: { path: '/oauth/token', parametersOf: tokenParameters, takesProof: true, begins: false },
  revoke: { path: '/oauth/revoke', parametersOf: revocationParameters, takesProof: false, begins: false },
  par: { path: '/oauth/par', parametersOf: pushedParameters, takesProof: true, begins: true },
  deviceAuthorization: {
    path: '/oauth/device_authorization',
    parametersOf: deviceParameters,
    takesProof: false,
    begins: true,
  },
}

function placeOfSecret({ request }: HttpExchange, form: URLSearchParams): UnitOfWork['secretIn'] {
  if (request.headers.authorization !== undefined) return 'header'
  return form.has('client_secret') ? 'body' : null
}

/** A request that was refused before anybody looked at what it asks for. */
function recordUnread(
  audit: AuditTrail,
  { requestId, clientAddress }: HttpExchange,
  { tenant }: Snapshot,
  detail: { readonly endpoint: string; readonly status: number },
): Promise<void> {
  const reason = detail.status === 429 ? 'tooManyRequests' : 'malformedBody'
  const event = { tenant, activity: 'request.refused', outcome: 'refused', reason, requestId, detail } as const
  return audit.refusedUnauthenticated(event, clientAddress)
}

function tooManyRequests({ response, requestId }: HttpExchange, waitSeconds: number): void {
  const description = `Too many requests came from this address. Try again later. (request ${requestId})`
  const headers = { 'retry-after': String(waitSeconds) }
  sendJson(response, 429, { error: 'temporarily_unavailable', error_description: description }, headers)
}

/** The router answers HEAD by GET's handler; here a GET starts or ends an authorization, which looking must not do. */
function refusedHead({ request, response }: HttpExchange): boolean {
  if (request.method !== 'HEAD') return false
  sendEmpty(response, 405, { allow: 'GET' })
  return true
}

function tooMany({ response, requestId }: HttpExchange, retryAfterSeconds: number): void {
  const html = errorPage({
    title: 'Too many sign-ins were started',
    whatHappened: 'Too many authorization requests came from your address in a short time.',
    whatToDo: 'Wait a few minutes, then connect again.',
    requestId,
  })
  sendHtml(response, 429, html, { ...pageHeaders(), 'retry-after': String(retryAfterSeconds) })
}

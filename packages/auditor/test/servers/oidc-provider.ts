import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Configuration, errors, Provider } from 'oidc-provider'
import { ACCOUNTS, SCOPES } from '../mutants/reference/site.ts'

export interface AuthorizationServer extends AsyncDisposable {
  readonly issuer: string
  /** A client that may do nothing but introspect. */
  readonly introspector: { readonly clientId: string; readonly clientSecret: string }
  addResource(url: string): void
}

const REGISTRATIONS_MAX = 60
const BODY_BYTES_MAX = 32 * 1024

/** `oidc-provider` as an MCP authorization server: code with PKCE, registration, resource indicators, rotation. */
export async function startOidcProvider(format: 'jwt' | 'opaque'): Promise<AuthorizationServer> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const resources = new Set<string>()
  const introspector = { clientId: 'resource-server', clientSecret: randomBytes(24).toString('base64url') }
  const provider = new Provider(issuer, configuration({ format, resources, introspector }))
  govern(provider)
  const answer = provider.callback()
  server.on('request', (request, response) => {
    const interaction = /^\/interaction\/([\w-]+)$/.exec(request.url ?? '')?.[1]
    if (interaction === undefined) void answer(request, response)
    else
      interact(provider, request, response).catch(
        () => void response.writeHead(400).end('this form is not valid any more'),
      )
  })
  return {
    issuer,
    introspector,
    addResource: (url) => void resources.add(url),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Wanted {
  readonly format: 'jwt' | 'opaque'
  readonly resources: ReadonlySet<string>
  readonly introspector: AuthorizationServer['introspector']
}

function configuration({ format, resources, introspector }: Wanted): Configuration {
  return {
    clients: [
      {
        client_id: introspector.clientId,
        client_secret: introspector.clientSecret,
        redirect_uris: [],
        response_types: [],
        grant_types: [],
      },
    ],
    cookies: { keys: [randomBytes(24).toString('base64url')] },
    responseTypes: ['code'],
    pkce: { required: () => true },
    scopes: ['openid'],
    rotateRefreshToken: true,
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 30,
      RefreshToken: 8 * 3600,
      Interaction: 600,
      Session: 3600,
      Grant: 8 * 3600,
      IdToken: 300,
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
      introspection: { enabled: true, allowedPolicy: (_, client) => client.clientAuthMethod !== 'none' },
      deviceFlow: { enabled: true },
      registration: { enabled: true },
      registrationManagement: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => {
          throw new errors.InvalidTarget('name a resource')
        },
        getResourceServerInfo: (_, resource) => {
          if (!resources.has(resource)) throw new errors.InvalidTarget()
          return { scope: SCOPES.join(' '), audience: resource, accessTokenTTL: 600, accessTokenFormat: format }
        },
        useGrantedResource: () => true,
      },
    },
  }
}

/** What its own options leave open about registration: how often, and which redirect URIs make a native client (RFC 8252 §7.3). */
function govern(provider: Provider): void {
  let left = REGISTRATIONS_MAX
  setInterval(() => {
    left = REGISTRATIONS_MAX
  }, 60_000).unref()
  provider.use(async (context, next) => {
    if (context.method !== 'POST' || context.path !== '/reg') return next()
    left -= 1
    if (left < 0) {
      context.status = 429
      context.set('retry-after', '60')
      context.body = { error: 'temporarily_unavailable' }
      return
    }
    const wanted = JSON.parse(await readText(context.req)) as Record<string, unknown>
    const { scope: _, ...metadata } = wanted
    const uris = Array.isArray(wanted['redirect_uris']) ? wanted['redirect_uris'].map(String) : []
    const isNative =
      uris.length > 0 && uris.every((uri) => /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)[:/]/.test(uri))
    const isOpen = uris.every(
      (uri) =>
        /^https:\/\/[^*@]+$/.test(uri) ||
        /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?::\d+)?(?:\/[^@*]*)?$/.test(uri),
    )
    if (!isOpen) {
      context.status = 400
      context.body = { error: 'invalid_redirect_uri' }
      return
    }
    Object.assign(context.req, {
      body: JSON.stringify({ ...metadata, ...(isNative ? { application_type: 'native' } : {}) }),
    })
    await next()
  })
}

/** Sign in, and then allow: two plain forms. */
async function interact(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const details = await provider.interactionDetails(request, response)
  const { prompt, params, session } = details
  if (request.method !== 'POST')
    return page(
      response,
      200,
      prompt.name === 'login' ? LOGIN : consentForm(String(params['client_id']), params['redirect_uri']),
    )
  const form = new URLSearchParams(await readText(request))
  if (prompt.name === 'login') {
    const name = form.get('username') ?? ''
    if (ACCOUNTS.get(name) === undefined || ACCOUNTS.get(name) !== form.get('password'))
      return page(response, 401, LOGIN)
    return provider.interactionFinished(request, response, { login: { accountId: name } })
  }
  if (form.get('decision') !== 'allow')
    return provider.interactionFinished(request, response, { error: 'access_denied' })
  const grant = new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params['client_id']) })
  if (String(params['scope']).split(' ').includes('openid')) grant.addOIDCScope('openid')
  const scopes = String(params['scope'])
    .split(' ')
    .filter((scope) => SCOPES.includes(scope))
  grant.addResourceScope(String(params['resource']), scopes.join(' '))
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
}

const LOGIN =
  '<form method="post"><input name="username"><input name="password" type="password"><button>Sign in</button></form>'

function consentForm(clientId: string, redirectUri: unknown): string {
  const shown = (typeof redirectUri === 'string' ? new URL(redirectUri).host : 'a device').replaceAll(/[<>&"]/g, '')
  return `<p>${clientId.replaceAll(/[<>&"]/g, '')} asks; the answer goes to ${shown}.</p>
<form method="post"><button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></form>`
}

function page(response: ServerResponse, status: number, content: string): void {
  const policy = "default-src 'none'; frame-ancestors 'none'"
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': policy,
  })
  response.end(`<!doctype html><title>Sign in</title>${content}`)
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > BODY_BYTES_MAX) throw new Error('the body is too large')
  }
  return text
}

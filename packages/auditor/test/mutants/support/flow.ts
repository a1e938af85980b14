import * as oauth from 'oauth4webapi'
import type { Person } from './person.ts'
import { request } from './request.ts'

type Fetch = (
  url: string,
  init: { method: string; headers: Headers | Record<string, string>; body?: unknown },
) => Promise<Response>

export const REDIRECT_URI = 'http://127.0.0.1:61234/callback'

/** A strict client of the reference server, as `oauth4webapi` judges what it is told. */
export interface Flow {
  readonly server: oauth.AuthorizationServer
  readonly client: oauth.Client
  readonly options: { readonly [oauth.allowInsecureRequests]: true; readonly [oauth.customFetch]: Fetch }
}

/** Where a client registers. */
interface Registrar {
  readonly issuer: string
  readonly authority: string | null
}

export async function registerFlow(reference: Registrar, algorithm: 'oauth2' | 'oidc' = 'oauth2'): Promise<Flow> {
  const options = { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: fetchThrough(reference) } as const
  const issuer = new URL(reference.issuer)
  const server = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { ...options, algorithm }),
  )
  const response = await oauth.dynamicClientRegistrationRequest(
    server,
    {
      redirect_uris: [REDIRECT_URI],
      client_name: 'a client',
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
    options,
  )
  return { server, client: (await oauth.processDynamicClientRegistrationResponse(response)) as oauth.Client, options }
}

/** Code with PKCE from end to end; the tokens are what the client keeps. */
export async function login(
  { server, client, options }: Flow,
  person: Person,
  resource: string,
  scope: string,
): Promise<oauth.TokenEndpointResponse> {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const url = await authorizationUrl({ server, client, options }, { resource, scope, state, verifier })
  const answered = await person.authorize(url.href)
  const parameters = oauth.validateAuthResponse(server, client, answered, state)
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    parameters,
    REDIRECT_URI,
    verifier,
    {
      ...options,
      additionalParameters: { resource },
    },
  )
  return oauth.processAuthorizationCodeResponse(server, client, response)
}

export async function authorizationUrl(
  { server, client }: Flow,
  { resource, scope, state, verifier }: { resource: string; scope: string; state: string; verifier: string },
): Promise<URL> {
  const url = new URL(server.authorization_endpoint ?? '')
  const fields = {
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    scope,
    state,
    resource,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value)
  return url
}

/** `fetch` over `node:http`, which can be told whom to trust. */
function fetchThrough({ authority }: Registrar): Fetch {
  return async (url, { method, headers, body }) => {
    const sent = typeof body === 'string' || body instanceof URLSearchParams ? { body: String(body) } : {}
    const answer = await request(url, { method, headers: Object.fromEntries(new Headers(headers)), authority, ...sent })
    const flat = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)])
    return new Response(answer.status === 204 ? null : answer.text, { status: answer.status, headers: flat })
  }
}

import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { authorizeAsPerson, type Person } from '../e2e/support/authorize.ts'
import { ScriptedBrowser } from '../e2e/support/browser.ts'

/** Where the bytes really go, whatever the URL says. */
export interface Route {
  readonly port: number
  /** PEM of the certificate to believe; null: no TLS on this hop. */
  readonly ca: string | null
  readonly headers?: Readonly<Record<string, string>>
  /** What the client shows when it is asked for a certificate. */
  readonly certificate?: { readonly key: string; readonly cert: string }
}

/** A `fetch` whose connections all go to one loopback port, with the Host of the URL: DNS and a proxy, as a test needs them. */
export function fetchThrough(route: Route): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const url = new URL(request.url)
    const body = Buffer.from(await request.arrayBuffer())
    const headers: Record<string, string | number> = { ...Object.fromEntries(request.headers), host: url.host }
    // `Request` drops what pages may not set; a client of ours may.
    for (const name of ['origin', 'cookie', 'sec-fetch-site']) {
      const value = new Headers(init?.headers).get(name)
      if (value !== null && value !== '') headers[name] = value
    }
    if (body.length > 0) headers['content-length'] = body.length
    const options = {
      host: '127.0.0.1',
      port: route.port,
      method: request.method,
      path: `${url.pathname}${url.search}`,
      headers: { ...headers, ...route.headers },
      agent: false as const,
    }
    return new Promise<Response>((resolve, reject) => {
      const sent =
        route.ca === null
          ? httpRequest(options)
          : httpsRequest({
              ...options,
              ...route.certificate,
              ca: route.ca,
              servername: url.hostname.replace(/^\d.*$/, ''),
            })
      sent.on('error', reject)
      sent.on('response', (answer) => void readResponse(answer).then(resolve, reject))
      sent.end(body)
    })
  }
}

async function readResponse(answer: IncomingMessage): Promise<Response> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(Buffer.from(chunk))
  const headers = new Headers()
  for (let at = 0; at < answer.rawHeaders.length; at += 2) {
    headers.append(answer.rawHeaders[at] ?? '', answer.rawHeaders[at + 1] ?? '')
  }
  const status = answer.statusCode ?? 500
  return new Response(status === 204 || status === 304 ? null : Buffer.concat(chunks), { status, headers })
}

export interface Endpoints {
  readonly authorize: string
  readonly token: string
  readonly register: string
}

export interface IssuedTokens {
  readonly clientId: string
  readonly access_token: string
  readonly refresh_token?: string
  readonly scope?: string
  readonly expires_in?: number
}

export const REDIRECT_URI = 'http://127.0.0.1:61234/callback'

export async function registerClient(send: typeof fetch, registration: string): Promise<string> {
  const response = await send(registration, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Scripted client',
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }),
  })
  const body = (await response.json()) as { client_id?: string }
  if (response.status !== 201 || body.client_id === undefined) {
    throw new Error(`not registered: ${response.status} ${JSON.stringify(body)}`)
  }
  return body.client_id
}

/** One authorization by a person; answers what came back to the redirect URI, and the verifier. */
export async function authorizeClient(
  send: typeof fetch,
  endpoint: string,
  clientId: string,
  person: Person,
  parameters: Readonly<Record<string, string>>,
): Promise<{ readonly callback: URL; readonly verifier: string }> {
  const verifier = randomBytes(32).toString('base64url')
  const url = new URL(endpoint)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'state-1',
    ...parameters,
  }).toString()
  const browser = new ScriptedBrowser(url.origin, send)
  return { callback: await authorizeAsPerson(url.href, person, { browser }), verifier }
}

export function requestToken(
  send: typeof fetch,
  endpoint: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Response> {
  return send(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(parameters).toString(),
  })
}

/** Registration, the operator's `approve`, login, consent, code and token, at these endpoints, with these parameters besides the usual. */
export async function logInScripted(
  send: typeof fetch,
  endpoints: Endpoints,
  person: Person,
  parameters: Readonly<Record<string, string>>,
  approve: (clientId: string) => Promise<unknown> = async () => undefined,
): Promise<IssuedTokens> {
  const clientId = await registerClient(send, endpoints.register)
  await approve(clientId)
  const { callback, verifier } = await authorizeClient(send, endpoints.authorize, clientId, person, parameters)
  const code = callback.searchParams.get('code')
  if (code === null) throw new Error(`no code came back: ${callback.href}`)
  const response = await requestToken(send, endpoints.token, {
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    ...(parameters['resource'] === undefined ? {} : { resource: parameters['resource'] }),
  })
  if (response.status !== 200) throw new Error(`no token: ${response.status} ${await response.text()}`)
  return { clientId, ...((await response.json()) as Omit<IssuedTokens, 'clientId'>) }
}

/** `initialize` with a token; answers the session id too. */
export async function initialize(
  send: typeof fetch,
  url: string,
  token: string | null,
  revision = '2025-11-25',
): Promise<Response> {
  return post(
    send,
    url,
    token,
    {
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'scripted', version: '1' } },
    },
    {},
  )
}

export function post(
  send: typeof fetch,
  url: string,
  token: string | null,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  return send(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: JSON.stringify(body),
  })
}

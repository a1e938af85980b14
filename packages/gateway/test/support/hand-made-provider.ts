import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

/** What a test makes the provider say; by default what an honest one does. */
export interface ProviderScript {
  /** Claims of the person who is logged in there. */
  claims: Readonly<Record<string, unknown>>
  /** The ID token for this authorization; default one with the right claims, signed by the provider's key. */
  idToken?: (honest: JWTPayload, sign: (claims: JWTPayload, header?: object) => Promise<string>) => Promise<string>
  /** Replaces what the browser brings back. */
  callback?: (honest: URLSearchParams) => URLSearchParams
  /** Replaces or adds to the metadata. */
  metadata?: Readonly<Record<string, unknown>>
  /** The status of the token endpoint. */
  tokenStatus?: number
  /** It does not know the client: 401, with these headers. */
  unknownClient?: Readonly<Record<string, string>>
  /** What it does with refresh tokens, which it gives where this is set: takes each once, refuses all, or breaks down. */
  /** Whatever else there is at its host: an answer by path, or null. Gets the whole body. */
  beside?: (request: {
    readonly url: URL
    readonly body: string
    readonly headers: IncomingMessage['headers']
  }) => unknown
  /** Judges an authorization request as this provider would; an error code, or null. */
  authorizationError?: (query: URLSearchParams) => string | null
  /** Whether a refresh token comes with this authorization; by default where `refresh` is set. */
  givesRefreshToken?: (query: URLSearchParams) => boolean
  refresh?: 'takes' | 'refuses' | 'breaks' | 'withoutIdToken' | 'keepsToken'
}

export interface HandMadeProvider {
  readonly issuer: string
  readonly script: ProviderScript
  /** Signs whatever a test wants it to say, with its own key. */
  sign(claims: JWTPayload, header?: object): Promise<string>
  /** Query of every authorization request. */
  readonly authorizations: URLSearchParams[]
  /** Form of every token request, with its Authorization header. */
  readonly tokenRequests: { readonly form: URLSearchParams; readonly authorization: string | undefined }[]
  /** One that it has given out. */
  newRefreshToken(): string
  close(): Promise<void>
}

export const PROVIDER_CLIENT = 'sallyport-at-corp'

/** An OpenID provider on loopback in which somebody is always logged in, and which can be made to lie. */
export async function startHandMadeProvider(path = ''): Promise<HandMadeProvider> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'corp-1', alg: 'ES256', use: 'sig' }
  const codes = new Map<string, URLSearchParams>()
  const refreshTokens = new Set<string>()
  const script: ProviderScript = { claims: { sub: 'corp-ada' } }
  const authorizations: URLSearchParams[] = []
  const tokenRequests: HandMadeProvider['tokenRequests'] = []
  let issuer = ''

  const sign = (claims: JWTPayload, header: object = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'corp-1', ...header }).sign(privateKey)
  /** Each counts once, unless it is one that goes on (Cognito). */
  const takesToken = (token: string) =>
    script.refresh === 'keepsToken' ? refreshTokens.has(token) : refreshTokens.delete(token)
  const json = (response: ServerResponse, body: object, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  const handlers: Record<string, (url: URL, request: IncomingMessage, response: ServerResponse) => Promise<void>> = {
    '/.well-known/openid-configuration': async (_url, _request, response) =>
      json(response, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        userinfo_endpoint: `${issuer}/userinfo`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
        authorization_response_iss_parameter_supported: true,
        ...script.metadata,
      }),
    '/userinfo': async (_url, request, response) =>
      request.headers.authorization === 'Bearer corp-access'
        ? json(response, script.claims)
        : json(response, { error: 'invalid_token' }, 401),
    '/jwks': async (_url, _request, response) => json(response, { keys: [jwk] }),
    '/authorize': async (url, _request, response) => {
      authorizations.push(url.searchParams)
      const code = `code-${authorizations.length}`
      codes.set(code, url.searchParams)
      const error = script.authorizationError?.(url.searchParams) ?? null
      const state = url.searchParams.get('state') ?? ''
      const honest = new URLSearchParams(error === null ? { code, state, iss: issuer } : { error, state, iss: issuer })
      const back = new URL(url.searchParams.get('redirect_uri') ?? '')
      back.search = (script.callback?.(honest) ?? honest).toString()
      response.writeHead(302, { location: back.href })
      response.end()
    },
    '/token': async (_url, request, response) => {
      let text = ''
      for await (const chunk of request) text += String(chunk)
      const form = new URLSearchParams(text)
      tokenRequests.push({ form, authorization: request.headers.authorization })
      if (script.unknownClient !== undefined) {
        response.writeHead(401, { 'content-type': 'application/json', ...script.unknownClient })
        response.end(JSON.stringify({ error: 'invalid_client', error_description: 'wrong secret' }))
        return
      }
      const isRefresh = form.get('grant_type') === 'refresh_token'
      if (isRefresh && script.refresh === 'breaks') return json(response, { error: 'server_error' }, 500)
      const isTaken = isRefresh && takesToken(form.get('refresh_token') ?? '') && script.refresh !== 'refuses'
      const asked = isTaken ? new URLSearchParams() : codes.get(form.get('code') ?? '')
      codes.delete(form.get('code') ?? '')
      if (asked === undefined) return json(response, { error: 'invalid_grant' }, 400)
      const refreshToken = `corp-refresh-${tokenRequests.length}`
      if (script.refresh !== undefined) refreshTokens.add(refreshToken)
      const now = Math.floor(Date.now() / 1000)
      const nonce = asked.get('nonce')
      const honest: JWTPayload = {
        iss: issuer,
        aud: PROVIDER_CLIENT,
        iat: now,
        exp: now + 300,
        ...(nonce === null ? {} : { nonce }),
        ...script.claims,
      }
      const idToken = (await script.idToken?.(honest, sign)) ?? (await sign(honest))
      json(
        response,
        {
          access_token: 'corp-access',
          token_type: 'Bearer',
          ...(isRefresh && script.refresh === 'withoutIdToken' ? {} : { id_token: idToken }),
          ...(script.refresh === undefined ||
          (isRefresh && script.refresh === 'keepsToken') ||
          (!isRefresh && script.givesRefreshToken?.(asked) === false)
            ? {}
            : { refresh_token: refreshToken }),
        },
        script.tokenStatus ?? 200,
      )
    },
  }
  const answerBeside = async (url: URL, request: IncomingMessage, response: ServerResponse) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const answer = script.beside?.({ url, body, headers: request.headers }) ?? null
    if (answer === null) json(response, {}, 404)
    else json(response, answer as object)
  }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', issuer)
    const handler = url.pathname.startsWith(path) ? handlers[url.pathname.slice(path.length)] : undefined
    if (handler === undefined) answerBeside(url, request, response).catch(() => response.destroy())
    else handler(url, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}` // Listening on TCP.
  return {
    issuer,
    script,
    sign,
    newRefreshToken: () => {
      const made = `corp-refresh-made-${refreshTokens.size}-${tokenRequests.length}`
      refreshTokens.add(made)
      return made
    },
    authorizations,
    tokenRequests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

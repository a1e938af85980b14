import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import { post, requestToken } from './scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from './upstream-http.ts'
import { startWholeGateway, type WholeGateway } from './whole-gateway.ts'

export const SECRET = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00'

export interface GrantsGateway {
  readonly gateway: WholeGateway
  readonly upstream: ScriptedUpstream
  readonly origin: string
  readonly token: string
  /** The private key of clients that sign. */
  readonly key: CryptoKey
  readonly jwk: Record<string, unknown>
  resource(server: string): string
  configuration(change?: Readonly<Record<string, unknown>>): string
  ask(
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> }>
  /** `tools/call` in a session of its own; the status of the call, or of the `initialize` that was refused. */
  call(server: string, token: string, tool: string): Promise<number>
  assertion(clientId: string, claims?: Readonly<Record<string, unknown>>): Promise<string>
  /** What a client reads of us before it begins. */
  discover(): Promise<oauth.AuthorizationServer>
  close(): Promise<void>
}

/** The gateway as `serve` puts it together with servers `files` and `notes` in front of one upstream, and the clients given. */
export async function startGrantsGateway(
  sections: (keys: { readonly jwk: Record<string, unknown>; readonly origin: string }) => Record<string, unknown>,
): Promise<GrantsGateway> {
  const upstream = await startScriptedUpstream(() => false)
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }
  let origin = ''
  const http = { url: upstream.url, network: 'loopback' }
  const configuration: GrantsGateway['configuration'] = (change = {}) =>
    JSON.stringify({
      version: 1,
      gateway: { publicUrl: origin },
      servers: {
        files: { http, tools: { get_thing: { class: 'read', scope: true }, delete_thing: { class: 'destructive' } } },
        notes: { http },
      },
      ...sections({ jwk, origin }),
      ...change,
    })
  const gateway = await startWholeGateway(
    (port) => {
      origin = `http://127.0.0.1:${port}`
      return configuration()
    },
    { files: { secret: SECRET } },
  )
  const token = `${origin}/oauth/token`
  const world: GrantsGateway = {
    gateway,
    upstream,
    origin,
    token,
    key: privateKey,
    jwk,
    resource: (server) => `${origin}/mcp/${server}`,
    configuration,
    ask: async (fields, headers = {}) => {
      const send: typeof fetch = (input, init) =>
        fetch(input, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...headers } })
      const answer = await requestToken(send, token, fields)
      return {
        status: answer.status,
        headers: answer.headers,
        body: (await answer.json()) as Record<string, unknown>,
      }
    },
    call: async (server, bearer, tool) => {
      const url = `${origin}/mcp/${server}`
      const opened = await post(fetch, url, bearer, INITIALIZE, {})
      if (opened.status !== 200) return opened.status
      const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
      await post(fetch, url, bearer, { jsonrpc: '2.0', method: 'notifications/initialized' }, session)
      const call = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: tool, arguments: {} } }
      return (await post(fetch, url, bearer, call, session)).status
    },
    assertion: (clientId, claims = {}) => {
      const now = Math.floor(Date.now() / 1000)
      const standard = { iss: clientId, sub: clientId, aud: origin, jti: crypto.randomUUID(), iat: now, exp: now + 60 }
      return new SignJWT({ ...standard, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(privateKey)
    },
    discover: async () =>
      oauth.processDiscoveryResponse(
        new URL(origin),
        await oauth.discoveryRequest(new URL(origin), { algorithm: 'oauth2', ...INSECURE }),
      ),
    close: async () => {
      await gateway.close()
      await upstream.close()
    },
  }
  return world
}

/** oauth4webapi refuses plain http, loopback too, unless told. */
export const INSECURE = { [oauth.allowInsecureRequests]: true } as const

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'scripted', version: '1' } },
}

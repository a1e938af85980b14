import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RealIssuer, RS_CLIENT, startRealIssuer } from '../support/real-issuer.ts'
import { REDIRECT_URI } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

/** What an SDK client keeps; its client is registered at the issuer by hand, as a company does it. */
class CompanyLogin {
  readonly redirectUrl = REDIRECT_URI
  readonly clientMetadata = { client_name: 'sdk-v2', redirect_uris: [REDIRECT_URI] }
  readonly asked: URL[] = []
  callback: URL | null = null
  #tokens: { access_token: string; refresh_token?: string } | undefined
  #verifier = ''
  readonly #issuer: RealIssuer
  readonly #login: string
  constructor(issuer: RealIssuer, login: string) {
    this.#issuer = issuer
    this.#login = login
  }
  clientInformation() {
    return { client_id: 'mcp-client' }
  }
  tokens() {
    return this.#tokens
  }
  saveTokens(tokens: { access_token: string; refresh_token?: string }) {
    this.#tokens = tokens
  }
  saveCodeVerifier(verifier: string) {
    this.#verifier = verifier
  }
  codeVerifier() {
    return this.#verifier
  }
  async redirectToAuthorization(url: URL) {
    this.asked.push(url)
    this.callback = await this.#issuer.authorize(url.href, this.#login)
  }
}

describe.each(['jwt', 'opaque'] as const)(
  'an unmodified SDK client at a server whose tokens another issuer gives out (%s)',
  (format) => {
    let upstream: ScriptedUpstream
    let issuer: RealIssuer
    let whole: WholeGateway
    let origin: string
    beforeAll(async () => {
      upstream = await startScriptedUpstream(() => false)
      issuer = await startRealIssuer({
        format,
        redirectUri: REDIRECT_URI,
        scope: 'notes.read notes.write',
        claims: () => ({ groups: ['staff'], name: 'Ada L' }),
      })
      const by =
        format === 'jwt'
          ? `jwksUri: '${issuer.jwksUri}'`
          : `introspection: { endpoint: '${issuer.introspectionEndpoint}', clientId: ${RS_CLIENT.id}, secret: '\${file:rs.secret}' }`
      const roles = format === 'jwt' ? 'map: { staff: [user] }' : 'always: [user]'
      whole = await startWholeGateway(
        (port) =>
          [
            'version: 1',
            `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
            'externalIssuers:',
            `  corp: { issuer: '${issuer.issuer}', network: loopback, ${by}, accounts: opened, roles: { ${roles} }, scopes: { notes.read: [read], notes.write: [read, write] } }`,
            'servers:',
            `  notes: { authorization: { issuer: corp }, http: { url: '${upstream.url}', network: loopback } }`,
            `  ours: { http: { url: '${upstream.url}', network: loopback } }`,
            '',
          ].join('\n'),
        { files: { 'rs.secret': RS_CLIENT.secret } },
      )
      origin = `http://127.0.0.1:${whole.port}`
    })
    afterAll(async () => {
      await whole.close()
      await issuer.close()
      await upstream.close()
    })

    const open = (login: CompanyLogin) => ({
      client: new Client({ name: 'sdk-v2', version: '1.0.0' }),
      transport: new StreamableHTTPClientTransport(new URL(`${origin}/mcp/notes`), { authProvider: login as never }),
    })

    it('finds the issuer by the server’s metadata, logs in there, and calls a tool through the gateway', async () => {
      const metadata = await (await fetch(`${origin}/.well-known/oauth-protected-resource/mcp/notes`)).json()
      expect(metadata).toMatchObject({
        resource: `${origin}/mcp/notes`,
        authorization_servers: [issuer.issuer],
        scopes_supported: ['notes.read'],
      })
      const login = new CompanyLogin(issuer, 'corp-ada')
      const first = open(login)
      await expect(first.client.connect(first.transport)).rejects.toThrow(UnauthorizedError)
      expect(login.asked[0]?.searchParams.get('resource')).toBe(`${origin}/mcp/notes`)
      await first.transport.finishAuth(login.callback?.searchParams ?? new URLSearchParams())
      const second = open(login)
      await second.client.connect(second.transport)
      expect((await second.client.listTools()).tools.map(({ name }) => name)).toContain('get_thing')
      await second.client.close()
      const seen = upstream.seen.at(-1)
      expect(JSON.stringify(seen?.headers)).not.toContain(login.tokens()?.access_token ?? 'none')
      const users = JSON.parse((await whole.admin('GET', '/users')).text) as {
        items: { roles: string[]; displayName: string }[]
      }
      expect(users.items).toHaveLength(1)
      expect(users.items[0]?.roles).toEqual(['user'])
      const grants = JSON.parse((await whole.admin('GET', '/grants')).text) as {
        items: { clientId: string; server: string; grantId: string }[]
      }
      expect(grants.items).toMatchObject([{ clientId: 'external:corp:mcp-client', server: 'notes' }])
      // Revoked here: gone here, whatever the issuer thinks of it, also for a refreshed token of before.
      expect((await whole.admin('DELETE', `/grants/${grants.items[0]?.grantId}`)).status).toBe(200)
      const answer = await fetch(`${origin}/mcp/notes`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          authorization: `Bearer ${login.tokens()?.access_token}`,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
      })
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toContain('scope="notes.read"')
    })
  },
)

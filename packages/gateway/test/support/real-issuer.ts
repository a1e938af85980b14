import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'
import { formsOf, type Page, ScriptedBrowser } from '../e2e/support/browser.ts'

/** A real authorization server of somebody else (`oidc-provider`, on its own), with its own login and consent pages. */
export interface RealIssuer {
  readonly issuer: string
  readonly jwksUri: string
  readonly introspectionEndpoint: string
  /** Goes through its pages as this person; answers the address that it sends the browser to in the end. */
  authorize(url: string, login: string): Promise<URL>
  /** From now on it signs with another key, and publishes that alone. */
  renewKeys(): Promise<void>
  close(): Promise<void>
}

export const RS_CLIENT = { id: 'gateway', secret: 'a secret of the gateway at the issuer' } as const

export async function startRealIssuer(options: {
  readonly format: 'jwt' | 'opaque'
  readonly redirectUri: string
  readonly scope: string
  /** Redirect URI of the second client, where it is one that people log in for. */
  readonly webClient?: () => string
  /** More claims of every token. */
  readonly claims?: () => Record<string, unknown>
}): Promise<RealIssuer> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // Listening on TCP.
  const make = async (kid: string) => {
    const { privateKey } = await generateKeyPair('RS256', { extractable: true })
    const web = options.webClient?.()
    const provider = new Provider(issuer, {
      jwks: { keys: [{ ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' }] },
      clients: [
        {
          client_id: 'mcp-client',
          redirect_uris: [options.redirectUri],
          application_type: 'native',
          token_endpoint_auth_method: 'none',
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
        },
        {
          client_id: RS_CLIENT.id,
          client_secret: RS_CLIENT.secret,
          application_type: 'native',
          grant_types: web === undefined ? [] : ['authorization_code', 'refresh_token'],
          response_types: web === undefined ? [] : ['code'],
          redirect_uris: web === undefined ? [] : [web],
        },
      ],
      scopes: ['openid', 'offline_access', 'profile', 'email', ...options.scope.split(' ')],
      features: {
        introspection: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => undefined,
          useGrantedResource: () => true,
          getResourceServerInfo: (_context: unknown, resource: string) => ({
            audience: resource,
            scope: options.scope,
            accessTokenTTL: 600,
            accessTokenFormat: options.format,
          }),
        },
      },
      extraTokenClaims: () => options.claims?.() ?? {},
      findAccount: (_context: unknown, sub: string) => ({ accountId: sub, claims: async () => ({ sub }) }),
    })
    provider.silent = true
    return provider.callback()
  }
  // Made at the first request: what its clients are may be known only by then.
  let handle: ReturnType<typeof make> | null = null
  let keys = 1
  server.on('request', (request, response) => {
    handle ??= make(`issuer-${keys}`)
    handle.then((answer) => answer(request, response)).catch(() => response.destroy())
  })
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    introspectionEndpoint: `${issuer}/token/introspection`,
    renewKeys: async () => {
      keys += 1
      handle = make(`issuer-${keys}`)
      await handle
    },
    authorize: async (url, login) => {
      const browser = new ScriptedBrowser(issuer)
      let page = await browser.open(url)
      for (let step = 0; step < 4 && page.status !== 0; step += 1) page = await answer(browser, page, login)
      if (page.status !== 0)
        throw new Error(`the issuer kept the browser at ${page.url} (${page.status}): ${page.html.slice(0, 500)}`)
      return new URL(page.url)
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** Its own development pages: a login that believes everybody, and a consent. */
async function answer(browser: ScriptedBrowser, page: Page, login: string): Promise<Page> {
  const [form] = formsOf(page.html)
  if (form === undefined) throw new Error(`no form at ${page.url} (${page.status}): ${page.html.slice(0, 500)}`)
  const prompt = form.fields.find(({ name }) => name === 'prompt')?.value ?? ''
  const values =
    prompt === 'login'
      ? ([
          ['login', login],
          ['password', 'x'],
        ] as const)
      : []
  return await browser.submit(page, form, [['prompt', prompt], ...values])
}

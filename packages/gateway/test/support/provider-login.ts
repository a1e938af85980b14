import { createHash, randomBytes } from 'node:crypto'
import { type Page, ScriptedBrowser } from '../e2e/support/browser.ts'
import { REDIRECT_URI, registerClient } from './scripted-client.ts'
import { startWholeGateway, type WholeGateway } from './whole-gateway.ts'

/** A gateway with an identity provider, as a person with a browser meets it. */
export interface ProviderWorld {
  readonly whole: WholeGateway
  readonly origin: string
  clientId(): Promise<string>
  /** A fresh authorization request of a client; answers the page that the browser ends on. */
  beginAuthorization(browser: ScriptedBrowser): Promise<Page>
  newBrowser(): ScriptedBrowser
}

export async function startProviderWorld(
  providersYaml: string,
  upstreamUrl: string,
  more: { readonly yaml?: string; readonly files?: Readonly<Record<string, string>>; readonly server?: string } = {},
): Promise<ProviderWorld> {
  const whole = await startWholeGateway(
    (port) =>
      [
        'version: 1',
        `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
        more.yaml ?? '',
        'identityProviders:',
        providersYaml,
        'servers:',
        `  notes: { http: { url: '${upstreamUrl}', network: loopback }${more.server === undefined ? '' : `, ${more.server}`} }`,
        '',
      ].join('\n'),
    more.files === undefined ? {} : { files: more.files },
  )
  const origin = `http://127.0.0.1:${whole.port}`
  let clientId: string | null = null
  const at = {
    origin,
    clientId: async () => {
      clientId ??= await registerClient(fetch, `${origin}/oauth/register`)
      return clientId
    },
  }
  return {
    ...at,
    whole,
    newBrowser: () => new ScriptedBrowser(origin),
    beginAuthorization: async (browser) => browser.open(await authorizationOf(at)),
  }
}

/** A fresh authorization request of a client. */
export async function authorizationOf({
  origin,
  clientId,
}: Pick<ProviderWorld, 'origin' | 'clientId'>): Promise<string> {
  const url = new URL(`${origin}/oauth/authorize`)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: await clientId(),
    redirect_uri: REDIRECT_URI,
    code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'state-of-the-client',
    resource: `${origin}/mcp/notes`,
    scope: 'notes:read',
  }).toString()
  return url.href
}

/** Where the login page's button for this provider leads. */
export function providerLink(page: Page, provider: string): string {
  const href = new RegExp(`href="([^"]*/with/${provider})"`).exec(page.html)?.[1]
  if (href === undefined) throw new Error(`no button for ${provider} at ${page.url} (${page.status})`)
  return new URL(href, page.url).href
}

/** From the login page to the provider and back; answers what the browser would open next: the callback with what the provider sends. */
export async function visitProvider(browser: ScriptedBrowser, page: Page, provider: string): Promise<string> {
  const left = await browser.open(providerLink(page, provider))
  if (left.status !== 0) throw new Error(`not sent to the provider but to ${left.url} (${left.status})`)
  const there = new ScriptedBrowser(new URL(left.url).origin)
  const back = await there.open(left.url)
  if (back.status !== 0) throw new Error(`the provider kept the browser at ${back.url} (${back.status})`)
  return back.url
}

export const isConsent = (page: Page): boolean => page.status === 200 && page.html.includes('name="scope"')

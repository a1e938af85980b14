import { createHash, randomBytes } from 'node:crypto'
import { type Form, formsOf, type Page, ScriptedBrowser } from '../e2e/support/browser.ts'
import { providerLink } from './provider-login.ts'
import { type IssuedTokens, REDIRECT_URI, registerClient, requestToken } from './scripted-client.ts'

export interface ProviderTokenRequest {
  readonly send?: typeof fetch
  readonly origin: string
  readonly provider: string
  readonly scope?: string
  /** A person's own; by default a new one. */
  readonly browser?: ScriptedBrowser
}

/** A new client, a login at the provider (which sends people straight back), consent to what is ticked, and the tokens. */
export async function logInAtProvider(request: ProviderTokenRequest): Promise<IssuedTokens> {
  const { send = fetch, origin } = request
  const clientId = await registerClient(send, `${origin}/oauth/register`)
  const { callback, verifier } = await authorizeAtProvider(request, clientId)
  const code = callback.searchParams.get('code')
  if (code === null) throw new Error(`no code came back: ${callback.href}`)
  const response = await requestToken(send, `${origin}/oauth/token`, {
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    resource: `${origin}/mcp/notes`,
  })
  if (response.status !== 200) throw new Error(`no token: ${response.status} ${await response.text()}`)
  return { clientId, ...((await response.json()) as Omit<IssuedTokens, 'clientId'>) }
}

async function authorizeAtProvider(
  {
    send = fetch,
    origin,
    provider,
    scope = 'notes:read',
    browser = new ScriptedBrowser(origin, send),
  }: ProviderTokenRequest,
  clientId: string,
): Promise<{ readonly callback: URL; readonly verifier: string }> {
  const verifier = randomBytes(32).toString('base64url')
  const url = new URL(`${origin}/oauth/authorize`)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'state-1',
    resource: `${origin}/mcp/notes`,
    scope,
  }).toString()
  const first = await browser.open(url.href)
  const consent = first.html.includes('name="scope"') ? first : await throughProvider(browser, first, provider)
  const done = await allow(browser, consent)
  if (done.status !== 0) throw new Error(`not sent back to the client but to ${done.url} (${done.status})`)
  return { callback: new URL(done.url), verifier }
}

/** From the login page to the provider and back; answers the page behind it. */
export async function throughProvider(browser: ScriptedBrowser, page: Page, provider: string): Promise<Page> {
  const left = await browser.open(providerLink(page, provider))
  const there = new ScriptedBrowser(new URL(left.url).origin)
  return await browser.open((await there.open(left.url)).url)
}

async function allow(browser: ScriptedBrowser, page: Page): Promise<Page> {
  const form = formsOf(page.html).find((one) => one.buttons.some(({ value }) => value === 'allow'))
  if (form === undefined) throw new Error(`no consent at ${page.url} (${page.status})`)
  return await browser.submit(page, form, [...valuesOf(form), ['decision', 'allow']])
}

function valuesOf(form: Form): [string, string][] {
  return form.fields
    .filter(({ type, isChecked }) => type !== 'checkbox' || isChecked)
    .map(({ name, value }): [string, string] => [name, value])
}

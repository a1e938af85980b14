import type { Audit } from '../audit.ts'
import { headerOf, isRefusal } from '../exchange/answer.ts'
import type { AuthorizationEnd } from '../options.ts'
import type { AuthorizationChange } from './logins.ts'
import type { Client, Code } from './tokens.ts'

/** What became of an authorization request that should be refused, or of one that should not. */
export type Attempt =
  | { readonly kind: 'refused'; readonly detail: string; readonly response: URL | null }
  | { readonly kind: 'redirected'; readonly to: URL }
  | { readonly kind: 'code'; readonly code: Code }
  | { readonly kind: 'undecided'; readonly detail: string }

/**
 * Sends an authorization request without a browser; where that shows a page, has the person go on. `redirected` is an answer that went to
 * an address which is not the client's.
 */
export async function attempt(
  audit: Audit,
  change: AuthorizationChange,
  client?: Client,
  extra = '',
): Promise<Attempt> {
  const by = client ?? (await audit.logins.client())
  const { url } = audit.logins.authorization(by, change)
  const answer = await audit.ask({ method: 'GET', url: `${url}${extra}`, headers: [['accept', 'text/html']] })
  const location = URL.parse(headerOf(answer, 'location') ?? '', url)
  if (answer.failure !== null) return { kind: 'undecided', detail: answer.failure }
  if (isRefusal(answer)) return { kind: 'refused', detail: `a page with ${answer.status}`, response: null }
  if (answer.status >= 400) return { kind: 'undecided', detail: `${answer.status}` }
  if (location !== null && !isOwn(audit, location)) return judgeLocation(by.redirectUri, change, location)
  if (audit.options.people.length === 0)
    return { kind: 'undecided', detail: 'a page was shown, and nobody is there to go on' }
  return goOn(audit, change, by, extra)
}

async function goOn(audit: Audit, change: AuthorizationChange, client: Client, extra: string): Promise<Attempt> {
  if (extra !== '') {
    const { url } = audit.logins.authorization(client, change)
    const end = await audit.logins.person(0).authorize(`${url}${extra}`, { isHandsOff: false })
    return end instanceof URL ? judgeLocation(client.redirectUri, change, end) : withoutResponse(end)
  }
  const { code, response, end } = await audit.logins.authorize(0, change, client)
  if (response === null) return withoutResponse(end)
  if (code !== null && isAt(response, client.redirectUri)) return { kind: 'code', code }
  return code === null ? judgeLocation(client.redirectUri, change, response) : { kind: 'redirected', to: response }
}

/** The person sees that it goes no further; where nobody says so nothing is known. */
function withoutResponse(end: AuthorizationEnd): Attempt {
  return end === 'page'
    ? { kind: 'refused', detail: 'the browser stays at a page', response: null }
    : { kind: 'undecided', detail: 'nobody said what became of it' }
}

function judgeLocation(registered: string, change: AuthorizationChange, location: URL): Attempt {
  const error = location.searchParams.get('error') ?? new URLSearchParams(location.hash.slice(1)).get('error')
  if (change['redirect_uri'] !== undefined && !isAt(location, registered)) return { kind: 'redirected', to: location }
  return error === null
    ? { kind: 'undecided', detail: `redirected to ${location.origin}` }
    : { kind: 'refused', detail: error, response: location }
}

/** The same address but for what an authorization response adds. */
function isAt(location: URL, redirectUri: string): boolean {
  const own = URL.parse(redirectUri)
  return (
    own !== null &&
    location.origin === own.origin &&
    location.pathname === own.pathname &&
    location.username === own.username
  )
}

/** A page of the authorization server itself, such as the login. */
function isOwn(audit: Audit, location: URL): boolean {
  const endpoint = URL.parse(audit.logins.endpoint('authorization') ?? '')
  return (
    location.origin === endpoint?.origin && !location.searchParams.has('error') && !location.searchParams.has('code')
  )
}

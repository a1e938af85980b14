import { setTimeout as sleep } from 'node:timers/promises'
import { escapeHtml, html, type Incoming, type Part, type Reply, readForm, singleValues } from '../http.ts'
import { SCOPES, type Site } from '../site.ts'
import { type Client, hash, newSecret, type Transaction } from '../state.ts'
import { browserOf, openBrowser } from './browser.ts'
import { knock } from './knock.ts'
import { matchesRegistered } from './match-redirect.ts'
import { nextPage } from './pages.ts'
import { answerClient } from './respond.ts'

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/
const TRANSACTIONS_MAX = 50

/** The authorization endpoint (RFC 6749 §4.1.1, RFC 7636, RFC 8707, RFC 9207). */
export function authorizePart(site: Site): Part {
  return async (incoming) => {
    if (incoming.path !== `${site.issuerPath}/authorize`) return null
    if (incoming.method === 'GET') return authorize(site, incoming, incoming.query)
    if (incoming.method !== 'POST') return html(405, 'Not like this', '')
    const form = await readForm(incoming)
    return form === null
      ? errorPage('The request is not well-formed.')
      : authorize(site, incoming, new URLSearchParams([...form]))
  }
}

async function authorize(site: Site, incoming: Incoming, query: URLSearchParams): Promise<Reply> {
  const fields = singleValues(query) ?? (site.flawed('redirect-twice') ? lastRedirect(query) : null)
  if (fields === null) return errorPage('A parameter stands twice.')
  const client = site.state.clients.get(fields.get('client_id') ?? '')
  const redirectUri = fields.get('redirect_uri')
  if (client === undefined) {
    const id = fields.get('client_id') ?? ''
    if (id.startsWith('https:') && site.flawed('fetches-any-client-document')) await knock(id)
    return errorPage('The client is not known.')
  }
  // Before the redirect URI is known to be the client's, nothing is sent there (RFC 6749 §4.1.2.1).
  if (redirectUri === undefined) return errorPage('The redirect URI is missing.')
  const isItsOwn =
    matchesRegistered(site, client, redirectUri) ||
    (query.getAll('redirect_uri').length > 1 && site.flawed('redirect-twice'))
  if (!isItsOwn && !site.flawed('redirect-unchecked')) {
    if (!site.flawed('redirect-errors-to-strangers')) return errorPage('The redirect URI is not one of the client.')
    return answerClient(site, { redirectUri, state: fields.get('state') ?? null }, { error: 'invalid_request' })
  }
  return authorizeClient(site, incoming, client, redirectUri, fields)
}

async function authorizeClient(
  site: Site,
  incoming: Incoming,
  client: Client,
  redirectUri: string,
  fields: Map<string, string>,
): Promise<Reply> {
  const state = fields.get('state') ?? null
  const refuse = (error: string) => answerClient(site, { redirectUri, state }, { error })
  const responseType = fields.get('response_type')
  const isImplicit = responseType === 'token' && site.flawed('implicit-answered')
  if (responseType !== 'code' && !isImplicit)
    return refuse(responseType === undefined ? 'invalid_request' : 'unsupported_response_type')
  if (!['query', undefined].includes(fields.get('response_mode'))) return refuse('invalid_request')
  const challenge = fields.get('code_challenge') ?? null
  const challengeMethod = fields.get('code_challenge_method') ?? 'plain'
  if (!isImplicit && !acceptsChallenge(site, challenge, challengeMethod)) return refuse('invalid_request')
  const asked = fields.get('resource')
  const resource = site.resources.find(({ url }) => url === asked)?.url ?? acceptedOtherwise(site, asked)
  if (resource === null) return refuse('invalid_target')
  // As long as a pattern with two loops in each other takes.
  if (site.flawed('slow-on-strange-scope') && /^a{20,40}!$/.test(fields.get('scope') ?? '')) await sleep(1400)
  const scopes = (fields.get('scope') ?? '').split(' ').filter((scope) => scope === 'openid' || SCOPES.includes(scope))
  if (scopes.length === 0) return refuse('invalid_scope')
  const transaction = { client, redirectUri, state, challenge, challengeMethod, resource, scopes }
  return begin(site, incoming, transaction)
}

/** RFC 7636 §4.3: only S256 exists here, and its challenge has 43 characters. */
function acceptsChallenge(site: Site, challenge: string | null, method: string): boolean {
  if (challenge === null) return site.flawed('pkce-not-required') || site.flawed('pkce-downgraded')
  if (method === 'plain') return site.flawed('pkce-plain-accepted')
  if (method !== 'S256') return site.flawed('pkce-any-method')
  return CHALLENGE.test(challenge) || site.flawed('pkce-any-challenge')
}

function acceptedOtherwise(site: Site, asked: string | undefined): string | null {
  if (asked === undefined) return site.flawed('resource-defaults-to-all') ? '*' : null
  if (site.flawed('resource-of-anybody')) return asked
  return site.flawed('resource-ignored') ? (site.resources[0]?.url ?? null) : null
}

async function begin(site: Site, incoming: Incoming, transaction: Transaction): Promise<Reply> {
  const known = browserOf(site, incoming)
  const { browser, cookie } = known === null ? openBrowser(site) : { browser: known, cookie: null }
  const id = newSecret()
  if (browser.transactions.size >= TRANSACTIONS_MAX) browser.transactions.clear()
  browser.transactions.set(hash(id), transaction)
  const reply = await nextPage(site, browser, id, transaction)
  return cookie === null ? reply : { ...reply, headers: { ...reply.headers, 'set-cookie': cookie } }
}

function errorPage(text: string): Reply {
  return html(400, 'This request cannot be answered', `<p>${escapeHtml(text)}</p>`)
}

/** The flaw of servers that check the first value and use the last. */
function lastRedirect(query: URLSearchParams): Map<string, string> {
  return new Map(query)
}

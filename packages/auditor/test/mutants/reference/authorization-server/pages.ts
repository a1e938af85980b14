import { timingSafeEqual } from 'node:crypto'
import { escapeHtml, html, type Incoming, type Part, type Reply, readForm } from '../http.ts'
import { ACCOUNTS, type Site } from '../site.ts'
import { type Browser, hash, newSecret, type Transaction } from '../state.ts'
import { browserOf, renewBrowser } from './browser.ts'
import { openGrant } from './grants.ts'
import { answerClient } from './respond.ts'

const CODE_SECONDS = 30

/** The two pages between an authorization request and its answer: who are you, and may this client. Plain forms. */
export function pagesPart(site: Site): Part {
  return async (incoming) => {
    const { path, method } = incoming
    if (path !== `${site.issuerPath}/login` && path !== `${site.issuerPath}/consent`) return null
    if (method !== 'POST') return html(405, 'Not like this', '', { allow: 'POST' })
    const form = await readForm(incoming)
    const browser = browserOf(site, incoming)
    const id = form?.get('transaction') ?? ''
    const transaction = browser?.transactions.get(hash(id))
    if (form === null || browser === null || transaction === undefined || !isSame(form.get('csrf') ?? '', browser.csrf))
      return html(400, 'This form is not valid any more', '')
    return path.endsWith('/login')
      ? login(site, browser, id, transaction, form)
      : consent(site, incoming, browser, id, transaction, form)
  }
}

export function nextPage(site: Site, browser: Browser, id: string, transaction: Transaction): Reply | Promise<Reply> {
  if (browser.subject === null) return loginPage(site, browser, id, '')
  if (site.flawed('consent-once-for-all') && browser.consented.size > 0) return approve(site, browser, id, transaction)
  if (site.flawed('consent-never')) return approve(site, browser, id, transaction)
  return consentPage(site, browser, id, transaction)
}

function loginPage(site: Site, browser: Browser, id: string, message: string): Reply {
  return html(
    message === '' ? 200 : 401,
    'Sign in',
    `<p>${message}</p><form method="post" action="${site.issuer}/login">${hidden(browser, id)}
<label>Name <input name="username" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button>Sign in</button></form>`,
  )
}

function consentPage(site: Site, browser: Browser, id: string, transaction: Transaction): Reply {
  const { client, redirectUri, resource, scopes } = transaction
  return html(
    200,
    'Allow access?',
    `<p>${escapeHtml(client.name || client.id)} asks for access to ${escapeHtml(resource)} as ${escapeHtml(browser.subject ?? '')}.</p>
<p>The answer goes to <strong>${escapeHtml(new URL(redirectUri).host)}</strong> (${escapeHtml(redirectUri)}).</p>
<ul>${scopes.map((scope) => `<li>${escapeHtml(scope)}</li>`).join('')}</ul>
<form method="post" action="${site.issuer}/consent">${hidden(browser, id)}
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></form>`,
  )
}

function hidden(browser: Browser, id: string): string {
  return `<input type="hidden" name="csrf" value="${browser.csrf}"><input type="hidden" name="transaction" value="${id}">`
}

async function login(
  site: Site,
  browser: Browser,
  id: string,
  transaction: Transaction,
  form: Map<string, string>,
): Promise<Reply> {
  const name = form.get('username') ?? ''
  const password = ACCOUNTS.get(name)
  if (password === undefined || !isSame(form.get('password') ?? '', password))
    return loginPage(site, browser, id, 'Name or password is not right.')
  const renewed = renewBrowser(site, browser)
  renewed.browser.subject = name
  const reply = await nextPage(site, renewed.browser, id, transaction)
  return { ...reply, headers: { ...reply.headers, 'set-cookie': renewed.cookie } }
}

function consent(
  site: Site,
  _: Incoming,
  browser: Browser,
  id: string,
  transaction: Transaction,
  form: Map<string, string>,
): Reply | Promise<Reply> {
  if (browser.subject === null) return loginPage(site, browser, id, '')
  if (form.get('decision') === 'allow') return approve(site, browser, id, transaction)
  browser.transactions.delete(hash(id))
  return answerClient(site, transaction, { error: 'access_denied' })
}

async function approve(site: Site, browser: Browser, id: string, transaction: Transaction): Promise<Reply> {
  const subject = browser.subject ?? ''
  browser.transactions.delete(hash(id))
  browser.consented.add(transaction.client.id)
  const grant = openGrant(site, subject, transaction)
  const code = newSecret()
  const { redirectUri, challenge, challengeMethod, client } = transaction
  const expiresAt = site.nowSeconds() + (site.flawed('code-lives-long') ? 600 : CODE_SECONDS)
  site.state.codes.set(hash(code), {
    grant,
    clientId: client.id,
    redirectUri,
    challenge,
    challengeMethod,
    expiresAt,
    isUsed: false,
  })
  return answerClient(site, transaction, { code })
}

function isSame(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(hash(one)), Buffer.from(hash(other)))
}

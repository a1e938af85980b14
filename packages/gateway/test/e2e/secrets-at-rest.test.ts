import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizeAsPerson, type Person } from './support/authorize.ts'
import { formsOf, ScriptedBrowser } from './support/browser.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'

const REDIRECT = 'http://127.0.0.1:53682/callback'
const PASSWORD_MISTYPED = 'tr0ub4dor-mistyped-9471'

let gateway: RunningGateway
let alice: Person
/** Everything that a thief could use, by what it is. */
const secrets = new Map<string, string>()
/** Answers of every kind, by what was asked. */
const answers = new Map<string, Response>()

beforeAll(async () => {
  gateway = await startGateway()
  alice = await gateway.addUser('alice')
  secrets.set('password', alice.password).set('mistyped password', PASSWORD_MISTYPED)
  await liveThroughEverything()
})
afterAll(() => gateway.dispose())

async function ask(name: string, path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(new URL(path, gateway.origin), { redirect: 'manual', ...init })
  answers.set(name, answer.clone())
  return answer
}

function form(fields: Record<string, string>, headers: Record<string, string> = {}): RequestInit {
  return { method: 'POST', body: new URLSearchParams(fields), headers }
}

const text = (value: unknown) => (typeof value === 'string' ? value : '')

async function liveThroughEverything(): Promise<void> {
  const registered = await ask('register', '/oauth/register', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Confidential',
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_post',
    }),
  })
  const client = (await registered.json()) as { client_id: string; client_secret: string }
  secrets.set('client secret', client.client_secret)

  const browser = new ScriptedBrowser(gateway.origin, async (input, init) => {
    const answer = await fetch(input, init)
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      const value = pair.slice(pair.indexOf('=') + 1)
      if (value.length > 8) secrets.set(`cookie ${pair.slice(0, pair.indexOf('='))} ${value.slice(0, 4)}`, value)
    }
    answers.set(
      `page ${init?.method ?? 'GET'} ${new URL(input instanceof Request ? input.url : input).pathname.split('/')[1]} ${answer.status}`,
      answer.clone(),
    )
    return answer
  })
  const verifier = randomBytes(32).toString('base64url')
  secrets.set('verifier', verifier).set('state', `state-${randomBytes(12).toString('hex')}`)
  const url = new URL('/oauth/authorize', gateway.origin)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: REDIRECT,
    scope: 'notes:read notes:write',
    state: secrets.get('state') ?? '',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource: `${gateway.origin}/mcp/notes`,
  }).toString()
  const login = await browser.open(url.href)
  const [loginForm] = formsOf(login.html)
  if (loginForm === undefined) throw new Error('no login form')
  const hidden = loginForm.fields
    .filter(({ type }) => type === 'hidden')
    .map(({ name, value }) => [name, value] as const)
  secrets.set('form token', hidden[0]?.[1] ?? '')
  await browser.submit(login, loginForm, [...hidden, ['username', alice.username], ['password', PASSWORD_MISTYPED]])
  const callback = await authorizeAsPerson(url.href, alice, { browser })
  secrets.set('code', callback.searchParams.get('code') ?? '')

  const credentials = { client_id: client.client_id, client_secret: client.client_secret }
  const wrong = {
    grant_type: 'authorization_code',
    code: secrets.get('code') ?? '',
    redirect_uri: REDIRECT,
    ...credentials,
  }
  await ask('token refused', '/oauth/token', form({ ...wrong, code_verifier: 'w'.repeat(43) }))
  const issued = await ask('token', '/oauth/token', form({ ...wrong, code_verifier: verifier }))
  let tokens = (await issued.json()) as Record<string, unknown>
  secrets.set('access token', text(tokens['access_token'])).set('refresh token', text(tokens['refresh_token']))
  const refreshed = await ask(
    'refresh',
    '/oauth/token',
    form({ grant_type: 'refresh_token', refresh_token: text(tokens['refresh_token']), ...credentials }),
  )
  tokens = (await refreshed.json()) as Record<string, unknown>
  secrets.set('access token 2', text(tokens['access_token'])).set('refresh token 2', text(tokens['refresh_token']))
  const bearer = { authorization: `Bearer ${text(tokens['access_token'])}` }
  await ask('mcp', '/mcp/notes', {
    method: 'POST',
    headers: { ...bearer, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    }),
  })
  const sessionId = answers.get('mcp')?.headers.get('mcp-session-id') ?? ''
  if (sessionId === '') throw new Error('no session was opened')
  secrets.set('MCP session id', sessionId)
  // Where they do not belong: in the query, in the path, in the wrong field.
  await ask('mcp query token', `/mcp/notes?access_token=${text(tokens['access_token'])}`)
  await ask('not found', `/${text(tokens['access_token'])}`)
  await ask('mcp 401', '/mcp/notes', { headers: { accept: 'text/event-stream' } })
  await ask(
    'authorize error',
    `/oauth/authorize?client_id=${text(tokens['refresh_token'])}&state=${secrets.get('state')}`,
  )
  await ask(
    'login with the password as name',
    '/oauth/token',
    form({ grant_type: 'password', username: alice.password }),
  )
  await ask('revoke', '/oauth/revoke', form({ token: text(tokens['access_token']), ...credentials }))
  await ask(
    'revoke refused',
    '/oauth/revoke',
    form({ token: text(tokens['refresh_token']), client_id: client.client_id }),
  )
  await ask(
    'reuse',
    '/oauth/token',
    form({ grant_type: 'refresh_token', refresh_token: secrets.get('refresh token') ?? '', ...credentials }),
  )
  await ask('register refused', '/oauth/register', { method: 'POST', body: '{' })
  await ask('setup', '/setup?token=abc')
  await ask('metadata', '/.well-known/oauth-authorization-server')
  await ask('jwks', '/oauth/jwks')
  await ask('wrong method', '/oauth/token')
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

/** As it would be found: as it is, hashed in no way, in base64 or hex of itself. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret)
  return [secret, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex')]
}

function leaks(content: string): string[] {
  return [...secrets]
    .filter(([, secret]) => spellings(secret).some((spelled) => content.includes(spelled)))
    .map(([name]) => name)
}

describe('after a whole life of logins, tokens, refusals and mistakes', () => {
  it('there was something to leak', () => {
    const names = [...secrets.keys()]
    for (const name of ['code', 'access token 2', 'refresh token 2', 'client secret', 'form token'])
      expect(names).toContain(name)
    expect(names.filter((name) => name.startsWith('cookie')).length).toBeGreaterThanOrEqual(4)
    for (const secret of secrets.values()) expect(secret.length).toBeGreaterThan(8)
  })

  it('no secret is in the state folder, in any file, while it runs and after it ended', async () => {
    const look = async () => {
      const found: string[] = []
      const files = await filesUnder(join(gateway.stateDir, 'var'))
      expect(files.some((file) => file.endsWith('sallyport.db'))).toBe(true)
      for (const file of files)
        for (const name of leaks((await readFile(file)).toString('latin1'))) found.push(`${name} in ${file}`)
      return found
    }
    expect(await look()).toEqual([])
    const exported = await gateway.cli('log', 'export')
    const shown = await gateway.cli('log', 'show', '--json')
    expect(exported.length).toBeGreaterThan(1000)
    expect(leaks(exported)).toEqual([])
    expect(leaks(shown)).toEqual([])
    await gateway.stop()
    expect(await look()).toEqual([])
  })

  it('no secret is in what the process wrote', () => {
    expect(leaks(gateway.output())).toEqual([])
  })

  it('every answer says that it may not be sniffed, and those that are not public that they may not be kept', () => {
    const missing: string[] = []
    for (const [name, { headers }] of answers) {
      if (headers.get('x-content-type-options') !== 'nosniff') missing.push(`${name}: nosniff`)
      const isPublic = name === 'metadata' || name === 'jwks'
      if (!isPublic && !headers.get('cache-control')?.includes('no-store')) missing.push(`${name}: no-store`)
      if (headers.get('server') !== null || headers.get('x-powered-by') !== null) missing.push(`${name}: names itself`)
    }
    expect(missing).toEqual([])
  })

  it('every page may load nothing, be framed by nobody and tell nobody where it was', () => {
    const pages = [...answers].filter(([, { headers }]) => headers.get('content-type')?.startsWith('text/html'))
    expect(pages.length).toBeGreaterThanOrEqual(4)
    for (const [name, { headers }] of pages) {
      const policy = headers.get('content-security-policy') ?? ''
      expect(policy, name).toContain("default-src 'none'")
      expect(policy, name).toContain("frame-ancestors 'none'")
      expect(policy, name).not.toMatch(/unsafe|\*|https?:/)
      expect(headers.get('x-frame-options'), name).toBe('DENY')
      expect(headers.get('referrer-policy'), name).toBe('no-referrer')
    }
  })

  it('a redirect that carries a code or an interaction is not kept and not told on', () => {
    const redirects = [...answers].filter(([, { headers }]) => headers.has('location'))
    expect(redirects.length).toBeGreaterThanOrEqual(2)
    for (const [name, { headers }] of redirects) {
      expect(headers.get('cache-control'), name).toContain('no-store')
      expect(headers.get('referrer-policy'), name).toBe('no-referrer')
    }
  })
})

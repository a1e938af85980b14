import { afterEach, describe, expect, it } from 'vitest'
import type { Store } from '#store/ports/store.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  pkce,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { OAuthBrowser, postForm, send } from '../support/oauth-browser.ts'

describe('a store that fails', () => {
  let server: AuthorizationServerUnderTest
  let broken: 'no' | 'find' | 'commit' | 'audit' | 'limits' = 'no'
  afterEach(async () => {
    broken = 'no'
    await server.close()
  })

  const failing =
    <Given extends readonly unknown[], Answer>(when: typeof broken, call: (...given: Given) => Promise<Answer>) =>
    (...given: Given): Promise<Answer> =>
      broken === when ? Promise.reject(new Error('database /secret/path/store.db is full')) : call(...given)

  const wrapStore = (store: Store): Store => ({
    ...store,
    audit: { ...store.audit, append: failing('audit', store.audit.append) },
    limits: { ...store.limits, draw: failing('limits', store.limits.draw) },
    engine: {
      ...store.engine,
      find: failing('find', store.engine.find),
      commit: failing('commit', store.engine.commit),
    },
  })

  it.each(['find', 'commit'] as const)(
    'at %s: no token leaves, nothing is used up, and the client may retry',
    async (where) => {
      server = await startAuthorizationServer({ wrapStore })
      const { code, verifier } = await authorize(server)
      broken = where
      const refused = await redeem(server, code, verifier)
      expect(refused.status).toBe(503)
      expect(refused.body['error']).toBe('temporarily_unavailable')
      expect(JSON.stringify(refused.body)).not.toMatch(/secret|database|access_token/)
      broken = 'no'
      const issued = await redeem(server, code, verifier)
      expect(issued.status).toBe(200)
      broken = where
      expect((await refresh(server, String(issued.body['refresh_token']))).status).toBe(503)
      broken = 'no'
      expect((await refresh(server, String(issued.body['refresh_token']))).status).toBe(200)
      expect(server.failures).toEqual([])
    },
  )

  it('at a refusal that could not be recorded: 503, not the refusal', async () => {
    server = await startAuthorizationServer({ wrapStore })
    broken = 'audit'
    expect((await redeem(server, 'unknown', pkce().verifier)).status).toBe(503)
    broken = 'no'
    expect((await redeem(server, 'unknown', pkce().verifier)).status).toBe(400)
  })

  it('at the limits: nobody gets in uncounted', async () => {
    server = await startAuthorizationServer({ wrapStore })
    broken = 'limits'
    const answer = await send(authorizeUrl(server.url, pkce().challenge))
    expect(answer.status).toBe(503)
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(answer.headers['content-type']).toContain('text/html')
  })

  it('at a registration: 503', async () => {
    server = await startAuthorizationServer({ wrapStore })
    server.registry.register = () => Promise.reject(new Error('database /secret/path/store.db is full'))
    const headers = { 'content-type': 'application/json' }
    const answer = await send(`${server.url}/oauth/register`, { method: 'POST', headers, body: '{}' })
    expect(answer.status).toBe(503)
    expect(answer.text).not.toContain('secret')
  })

  it.each(['find', 'commit', 'limits'] as const)(
    'at %s: pushed requests and devices are answered 503, and nothing of them comes to be',
    async (where) => {
      server = await startAuthorizationServer({ wrapStore })
      const grant = 'urn:ietf:params:oauth:grant-type:device_code'
      server.registry.add('tv', { grant_types: [grant], redirect_uris: [], response_types: [] })
      const pushed = Object.fromEntries(new URL(authorizeUrl(server.url, pkce().challenge)).searchParams)
      const begin = { client_id: 'tv', resource: server.resource('files') }
      const begun = await postForm(`${server.url}/oauth/device_authorization`, begin)
      const { device_code } = JSON.parse(begun.text) as { device_code: string }
      const poll = () => postForm(`${server.url}/oauth/token`, { grant_type: grant, client_id: 'tv', device_code })
      broken = where
      const answers = [await poll()]
      if (where !== 'find')
        answers.push(
          await postForm(`${server.url}/oauth/par`, pushed),
          await postForm(`${server.url}/oauth/device_authorization`, begin),
          await send(`${server.url}/device`),
        )
      for (const answer of answers.slice(where === 'commit' ? 1 : 0)) {
        expect(answer.status).toBe(503)
        expect(answer.headers['retry-after']).toBeDefined()
        expect(answer.headers['set-cookie']).toBeUndefined()
        expect(answer.text).not.toMatch(/secret\/path|database|request_uri|device_code/)
      }
      broken = 'no'
      expect(JSON.parse((await poll()).text)).toMatchObject({
        error: expect.stringMatching(/authorization_pending|slow_down/),
      })
    },
  )

  it('during an authorization: a page with 503, no code, no cookie', async () => {
    server = await startAuthorizationServer({ wrapStore })
    const browser = new OAuthBrowser(server.url)
    await authorize(server, { browser })
    const start = await browser.get(authorizeUrl(server.url, pkce().challenge))
    const consented = await browser.get(start.headers.location ?? '')
    broken = 'commit'
    const resumed = await browser.get(consented.headers.location ?? '')
    expect(resumed.status).toBe(503)
    expect(resumed.headers.location).toBeUndefined()
    expect(resumed.headers['set-cookie']).toBeUndefined()
    expect(resumed.headers['retry-after']).toBeDefined()
    expect(resumed.text).not.toMatch(/secret|database/)
    expect((await send(authorizeUrl(server.url, pkce().challenge))).status).toBe(503)
  })
})

describe('a copy of the database', () => {
  it('holds no code, token, cookie, verifier or state in the clear', async () => {
    const written: string[] = []
    const server = await startAuthorizationServer({
      wrapStore: (store) => ({
        ...store,
        engine: {
          ...store.engine,
          commit: (tenant, operations, audit) => {
            written.push(JSON.stringify({ operations, audit }))
            return store.engine.commit(tenant, operations, audit)
          },
        },
      }),
    })
    const browser = new OAuthBrowser(server.url)
    const { code, verifier } = await authorize(server, { browser, change: { state: 'a-state-to-look-for' } })
    const { body } = await redeem(server, code, verifier)
    const again = await refresh(server, String(body['refresh_token']))
    await server.close()
    const secrets = [
      code,
      verifier,
      body['refresh_token'],
      again.body['refresh_token'],
      body['access_token'],
      browser.cookiesFor('/').get('__Host-sallyport-session'),
      'a-state-to-look-for',
    ]
    expect(written.length).toBeGreaterThan(4)
    for (const secret of secrets) {
      expect(String(secret).length).toBeGreaterThan(10)
      expect(written.filter((text) => text.includes(String(secret)))).toEqual([])
    }
  })
})

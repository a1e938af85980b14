import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newPlace, removePlace } from '../support/postgres/place.ts'
import { BASE_HEADERS, openRawSession, send } from '../support/raw-client.ts'
import { authorizeClient, initialize, REDIRECT_URI } from '../support/scripted-client.ts'
import { type Household, startTenants, type TenantsWorld } from '../support/tenants.ts'

/**
 * Somebody of one tenant takes everything that they were given to another tenant, or to the gateway itself, where server, client and user are called the
 * same. Each thing is refused there as one that never was, and goes on working where it belongs.
 */
describe.each(['sqlite', 'postgres'])('what one tenant gave is nothing to another, state in %s', (engine) => {
  let place: string | null = null
  let world: TenantsWorld
  beforeAll(async () => {
    place = engine === 'postgres' ? await newPlace() : null
    world = await startTenants(place)
  }, 60_000)
  afterAll(async () => {
    await world.close()
    if (place !== null) for (const schema of [place, `${place}_t_acme`, `${place}_t_beta`]) await removePlace(schema)
  })

  /** Who gave it, and where it is tried. */
  const pairs: readonly (readonly ['root' | 'acme' | 'beta', 'root' | 'acme' | 'beta'])[] = [
    ['acme', 'beta'],
    ['acme', 'root'],
    ['root', 'acme'],
  ]
  const form = (at: Household, path: string, fields: Record<string, string>, authorization?: string) =>
    fetch(`${at.issuer}${path}`, {
      method: 'POST',
      redirect: 'manual',
      headers: authorization === undefined ? {} : { authorization },
      body: new URLSearchParams(fields),
    })
  const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  const called = () => world.upstream.of('tools/call').length
  const grants = async (at: Household) =>
    (JSON.parse((await at.admin('GET', '/grants?limit=200')).text) as { items: unknown[] }).items.length

  describe.each(pairs)('from %s at %s', (giver, taker) => {
    const from = () => world[giver]
    const at = () => world[taker]
    /** Runs the attempt, and holds what the other side has to what it had. */
    const withoutEffect = async (attempt: () => Promise<void>) => {
      const before = [called(), await grants(at())]
      await attempt()
      expect([called(), await grants(at())]).toEqual(before)
    }

    it('an access token', async () => {
      const { access_token: token } = await from().tokens()
      await withoutEffect(async () => {
        const answer = await initialize(fetch, at().resource, token)
        expect(answer.status).toBe(401)
        expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"')
        const asked = await form(at(), '/oauth/introspect', { token }, basic('ledger', at().secret))
        expect(await asked.json()).toEqual({ active: false })
        expect((await form(at(), '/oauth/revoke', { token, client_id: 'desk' })).status).toBe(200)
      })
      // Whoever "revoked" it elsewhere revoked nothing.
      expect((await initialize(fetch, from().resource, token)).status).toBe(200)
    })

    it('a refresh token', async () => {
      const { refresh_token: refresh = '' } = await from().tokens()
      const fields = { grant_type: 'refresh_token', refresh_token: refresh, client_id: 'desk' }
      await withoutEffect(async () => {
        const answer = await form(at(), '/oauth/token', fields)
        expect(answer.status).toBe(400)
        expect(await answer.json()).toMatchObject({ error: 'invalid_grant' })
        expect((await form(at(), '/oauth/revoke', { token: refresh, client_id: 'desk' })).status).toBe(200)
      })
      expect((await form(from(), '/oauth/token', fields)).status).toBe(200)
    })

    it('an authorization code', async () => {
      const given = await from().code()
      await withoutEffect(async () => {
        const answer = await at().redeem(given)
        expect(answer.status).toBe(400)
        expect(await answer.json()).toMatchObject({ error: 'invalid_grant' })
      })
      expect((await from().redeem(given)).status).toBe(200)
    })

    it('a client, and what it can ask for', async () => {
      const registered = await fetch(`${from().issuer}/oauth/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          client_name: 'Mine',
          redirect_uris: [REDIRECT_URI],
          token_endpoint_auth_method: 'none',
        }),
      })
      const { client_id: clientId } = (await registered.json()) as { client_id: string }
      const query = new URLSearchParams({
        client_id: clientId,
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
        resource: at().resource,
      })
      const ask = (household: Household) =>
        fetch(`${household.issuer}/oauth/authorize?${query.toString()}`, { redirect: 'manual' })
      const foreign = await ask(at())
      expect(foreign.status).toBe(400)
      expect(foreign.headers.get('location')).toBeNull()
      // At home it is known, but not for the other's server.
      expect((await ask(from())).headers.get('location')).toContain('error=invalid_target')
    })

    it('a client’s secret, and a resource server’s', async () => {
      const fields = { grant_type: 'client_credentials', resource: at().resource }
      await withoutEffect(async () => {
        const answer = await form(at(), '/oauth/token', fields, basic('robot', from().secret))
        expect(answer.status).toBe(401)
        const { access_token: token } = await at().tokens()
        const asked = await form(at(), '/oauth/introspect', { token }, basic('ledger', from().secret))
        expect(asked.status).toBe(401)
        const [grant] = (
          JSON.parse((await at().admin('GET', '/grants?limit=1')).text) as { items: { grantId: string }[] }
        ).items
        await at().admin('DELETE', `/grants/${grant?.grantId ?? ''}`)
      })
      const own = { grant_type: 'client_credentials', resource: from().resource }
      expect((await form(from(), '/oauth/token', own, basic('robot', from().secret))).status).toBe(200)
    })

    it('an API key', async () => {
      const made = await from().admin('POST', '/keys', {
        user: 'alice',
        name: 'nightly',
        servers: [{ server: 'notes', scopes: ['notes:read'] }],
        expiresInSeconds: 3_600,
      })
      expect(made.status, made.text).toBe(201)
      const { key } = JSON.parse(made.text) as { key: string }
      expect((await initialize(fetch, at().resource, key)).status).toBe(401)
      expect((await initialize(fetch, from().resource, key)).status).toBe(200)
    })

    it('a token for the admin API', async () => {
      const { access_token: token } = await from().tokens({ resource: `${from().issuer}/api/v1`, scope: 'api:read' })
      const ask = (household: Household) =>
        fetch(`${household.issuer}/api/v1/users`, { headers: { authorization: `Bearer ${token}` } })
      expect((await ask(at())).status).toBe(401)
      const own = await ask(from())
      expect(own.status).toBe(200)
      expect(((await own.json()) as { items: unknown[] }).items).toHaveLength(1)
    })

    it('an MCP session', async () => {
      const { access_token: mine } = await from().tokens()
      const { access_token: theirs } = await at().tokens()
      const session = await openRawSession(from().resource, mine)
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'get_thing', arguments: {} } }
      const before = called()
      for (const token of [mine, theirs]) {
        const headers = { ...session.headers, authorization: `Bearer ${token}` }
        expect((await send(at().resource, 'POST', headers, call)).status).toBe(token === mine ? 401 : 404)
        const resume = { ...headers, accept: 'text/event-stream', 'last-event-id': `${session.id}-1` }
        expect((await send(at().resource, 'GET', resume)).status).toBe(token === mine ? 401 : 404)
        expect((await send(at().resource, 'DELETE', headers)).status).toBe(token === mine ? 401 : 404)
      }
      const foreign = { ...BASE_HEADERS, 'mcp-session-id': session.id, authorization: `Bearer ${theirs}` }
      expect((await send(from().resource, 'POST', foreign, call)).status).toBe(401)
      expect(called()).toBe(before)
      expect((await session.call(2, 'get_thing')).status).toBe(200)
    })

    it('a password', async () => {
      await expect(
        authorizeClient(fetch, `${at().issuer}/oauth/authorize`, 'desk', from().alice, {
          resource: at().resource,
          scope: 'notes:read',
        }),
      ).rejects.toThrow()
    })

    it('a pushed request', async () => {
      const pushed = await form(from(), '/oauth/par', {
        client_id: 'desk',
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
        resource: from().resource,
      })
      const { request_uri: uri } = (await pushed.json()) as { request_uri: string }
      const ask = (household: Household) =>
        fetch(
          `${household.issuer}/oauth/authorize?${new URLSearchParams({ client_id: 'desk', request_uri: uri }).toString()}`,
          { redirect: 'manual' },
        )
      const foreign = await ask(at())
      expect(foreign.headers.get('location') ?? '').not.toContain(`${at().issuer}/login/`)
      expect((await ask(from())).headers.get('location')).toMatch(/\/login\//)
    })

    it('records: nobody finds in one log what is in the other', async () => {
      const [record] = (
        JSON.parse((await from().admin('GET', '/log?limit=1&activity=token.issue')).text) as {
          items: { requestId: string }[]
        }
      ).items
      const requestId = record?.requestId ?? ''
      expect(requestId).not.toBe('')
      expect((await from().admin('GET', `/log/requests/${requestId}`)).status).toBe(200)
      expect((await at().admin('GET', `/log/requests/${requestId}`)).status).toBe(404)
    })
  })

  it.each([
    '/t/acme/../beta/mcp/notes',
    '/t/acme/%2e%2e/beta/mcp/notes',
    '/t/acme%2fmcp/notes',
    '/t//acme/mcp/notes',
    '/t/acme//mcp/notes',
    '/T/acme/mcp/notes',
    '/t/ACME/mcp/notes',
    '/t/%61cme/mcp/notes',
    '/t/acme/t/beta/mcp/notes',
    '/t/gamma/mcp/notes',
    '/t/default/mcp/notes',
    '/t/mcp/notes',
  ])('%s leads nowhere, with a token or without', async (path) => {
    const { access_token: token } = await world.beta.tokens()
    const url = `${world.origin}${path}`
    const sent = async (headers: Record<string, string>) => {
      const { port } = new URL(world.origin)
      // `fetch` would tidy the path up before it leaves.
      const { request } = await import('node:http')
      return new Promise<number>((resolve, reject) => {
        const leaving = request({
          host: '127.0.0.1',
          port,
          path,
          method: 'POST',
          headers: { host: `127.0.0.1:${port}`, ...headers },
        })
        leaving.on('response', (answer) => {
          answer.resume()
          resolve(answer.statusCode ?? 0)
        })
        leaving.on('error', reject)
        leaving.end()
      })
    }
    expect([400, 404], url).toContain(await sent({}))
    expect([400, 404], url).toContain(await sent({ authorization: `Bearer ${token}` }))
  })
})

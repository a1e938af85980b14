import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StoredLogin } from '../e2e/support/stored-login.ts'
import { newPlace, removePlace } from '../support/postgres/place.ts'
import { initialize } from '../support/scripted-client.ts'
import { type Household, startTenants, type TenantsWorld } from '../support/tenants.ts'

describe.each(['sqlite', 'postgres'])('tenants behind one listener, state in %s', (engine) => {
  let place: string | null = null
  let world: TenantsWorld
  const all = (): Household[] => [world.root, world.acme, world.beta]
  beforeAll(async () => {
    place = engine === 'postgres' ? await newPlace() : null
    world = await startTenants(place)
  }, 60_000)
  afterAll(async () => {
    await world.close()
    if (place !== null) {
      for (const schema of [place, `${place}_t_acme`, `${place}_t_beta`]) await removePlace(schema)
    }
  })

  const json = async (path: string) => {
    const answer = await fetch(`${world.origin}${path}`)
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }

  it('are issuers of their own, at every address where clients look', async () => {
    const forms = [
      '/.well-known/oauth-authorization-server/t/acme',
      '/.well-known/openid-configuration/t/acme',
      '/t/acme/.well-known/oauth-authorization-server',
      '/t/acme/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/t/acme/mcp/notes',
    ]
    for (const form of forms) {
      const { status, body } = await json(form)
      expect(status, form).toBe(200)
      expect(body['issuer'], form).toBe(`${world.origin}/t/acme`)
      for (const [key, value] of Object.entries(body))
        if (key.endsWith('_endpoint') || key === 'jwks_uri')
          expect(value, key).toMatch(new RegExp(`^${world.origin}/t/acme/oauth/`))
    }
    const { body } = await json('/.well-known/oauth-protected-resource/t/acme/mcp/notes')
    expect(body).toMatchObject({
      resource: `${world.origin}/t/acme/mcp/notes`,
      authorization_servers: [`${world.origin}/t/acme`],
    })
    const root = await json('/.well-known/oauth-authorization-server')
    expect(root.body['issuer']).toBe(world.origin)
  })

  it('challenge with the metadata of their own', async () => {
    for (const { resource, name } of all()) {
      const answer = await initialize(fetch, resource, null)
      expect(answer.status).toBe(401)
      const path = name === null ? '/mcp/notes' : `/t/${name}/mcp/notes`
      expect(answer.headers.get('www-authenticate')).toContain(
        `resource_metadata="${world.origin}/.well-known/oauth-protected-resource${path}"`,
      )
    }
  })

  it('have keys of their own', async () => {
    const kids = await Promise.all(
      ['', '/t/acme', '/t/beta'].map(async (path) => {
        const { body } = await json(`${path}/oauth/jwks`)
        return (body['keys'] as { kid: string }[]).map(({ kid }) => kid)
      }),
    )
    expect(new Set(kids.flat()).size).toBe(kids.flat().length)
  })

  it('log in their own people through a client that knows nothing of tenants', async () => {
    for (const { resource, alice, issuer } of all()) {
      const login = new StoredLogin(alice)
      const open = () => ({
        client: new Client({ name: 'sdk-v2', version: '1.0.0' }),
        transport: new StreamableHTTPClientTransport(new URL(resource), { authProvider: login as never }),
      })
      const first = open()
      await expect(first.client.connect(first.transport)).rejects.toThrow(UnauthorizedError)
      await first.transport.finishAuth(login.callbacks.at(-1)?.searchParams ?? new URLSearchParams())
      const second = open()
      await second.client.connect(second.transport)
      expect((await second.client.listTools()).tools.length).toBeGreaterThan(0)
      expect(decodeJwt(login.tokens()?.access_token ?? '')).toMatchObject({ iss: issuer, aud: resource })
      await second.client.close()
    }
  }, 60_000)

  it('refresh, revoke and introspect at their own addresses', async () => {
    for (const household of all()) {
      const { refresh_token: refresh = '' } = await household.tokens()
      const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
        fetch(`${household.issuer}${path}`, { method: 'POST', headers, body: new URLSearchParams(fields) })
      const renewed = await post('/oauth/token', {
        grant_type: 'refresh_token',
        refresh_token: refresh,
        client_id: 'desk',
      })
      expect(renewed.status).toBe(200)
      const tokens = (await renewed.json()) as { access_token: string }
      const authorization = `Basic ${Buffer.from(`ledger:${household.secret}`).toString('base64')}`
      const asked = await post('/oauth/introspect', { token: tokens.access_token }, { authorization })
      expect(await asked.json()).toMatchObject({ active: true, iss: household.issuer, aud: household.resource })
      expect((await post('/oauth/revoke', { token: tokens.access_token, client_id: 'desk' })).status).toBe(200)
      expect((await initialize(fetch, household.resource, tokens.access_token)).status).toBe(401)
    }
  }, 60_000)

  it('keep their audit records in logs of their own, under their own names', async () => {
    for (const { admin, name } of [world.acme, world.beta]) {
      const lines = (await admin('GET', '/log/export')).text.trim().split('\n')
      const exported = lines
        .map((line) => JSON.parse(line) as { body?: string })
        .map(({ body = '' }) => body)
        .join('\n')
      expect(exported).toContain(`"tenant_uid":"${String(name)}"`)
      for (const other of ['acme', 'beta', 'default'].filter((each) => each !== name))
        expect(exported).not.toContain(`"tenant_uid":"${other}"`)
      expect(JSON.parse((await admin('GET', '/log/verification')).text)).toMatchObject({ isWhole: true })
    }
  })

  it('are there or not as the file says, without a restart', async () => {
    const status = async (path: string) => (await fetch(`${world.origin}${path}`)).status
    await world.gateway.reconfigure(world.configuration({ tenants: { acme: { file: 'acme.yaml' } } }))
    expect(await status('/t/beta/.well-known/oauth-authorization-server')).toBe(404)
    expect(await status('/t/acme/.well-known/oauth-authorization-server')).toBe(200)
    await world.gateway.reconfigure(world.configuration({ tenants: { acme: { file: 'none.yaml' } } }))
    expect(await status('/t/acme/.well-known/oauth-authorization-server')).toBe(200)
    expect(world.gateway.logged.some(({ message }) => message.startsWith('configuration rejected'))).toBe(true)
    await world.gateway.reconfigure(world.configuration())
    expect(await status('/t/beta/.well-known/oauth-authorization-server')).toBe(200)
    // What it had is still there.
    expect(JSON.parse((await world.beta.admin('GET', '/users')).text)).toMatchObject({ items: [{ username: 'alice' }] })
  }, 60_000)
})

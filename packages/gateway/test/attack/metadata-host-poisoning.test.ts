import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type AuthorizationServerUnderTest,
  authorizeUrl,
  pkce,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { send } from '../support/oauth-browser.ts'

const FORMS = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server/mcp/files',
  '/.well-known/openid-configuration/mcp/files',
  '/mcp/files/.well-known/oauth-authorization-server',
  '/mcp/files/.well-known/openid-configuration',
]

const FORGED = {
  'x-forwarded-host': 'attacker.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-server': 'attacker.example',
  'x-original-host': 'attacker.example',
  forwarded: 'host=attacker.example;proto=https',
}

describe('a proxy or a rebinding page that names another host', () => {
  let server: AuthorizationServerUnderTest
  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  beforeEach(() => {
    server.shown.length = 0
    server.events.length = 0
  })
  afterAll(async () => {
    await server.close()
  })

  it.each(FORMS)('%s says the same whatever forwarding headers claim', async (path) => {
    const honest = await send(server.url + path)
    const forged = await send(server.url + path, { headers: FORGED })
    expect(honest.status).toBe(200)
    expect(forged.text).toBe(honest.text)
    expect(JSON.parse(forged.text)).toMatchObject({ issuer: server.url, token_endpoint: `${server.url}/oauth/token` })
  })

  it.each(FORMS)('%s is not served under another Host', async (path) => {
    expect((await send(server.url + path, { headers: { host: 'attacker.example' } })).status).toBe(421)
  })

  it('where the browser goes on is our own origin, whatever forwarding headers claim', async () => {
    const answer = await send(authorizeUrl(server.url, pkce().challenge), { headers: FORGED })
    expect(answer.status).toBe(303)
    expect(new URL(answer.headers.location ?? '', server.url).origin).toBe(server.url)
    expect(JSON.stringify(answer.headers)).not.toContain('attacker.example')
    const interaction = (answer.headers['set-cookie'] ?? []).find((line) => line.startsWith('sallyport-resume='))
    expect(interaction).toMatch(/path=\/oauth\/authorize\//)
  })

  it('an unknown server has no metadata', async () => {
    expect((await send(`${server.url}/.well-known/oauth-authorization-server/mcp/nobody`)).status).toBe(404)
    expect((await send(`${server.url}/mcp/nobody/.well-known/openid-configuration`)).status).toBe(404)
  })
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, type ModernAsk, startModernUpstream } from '../support/modern.ts'
import { REDIRECT_URI } from '../support/scripted-client.ts'
import { type Household, startTenants, type TenantsWorld } from '../support/tenants.ts'

const QUESTION = { method: 'elicitation/create', params: { mode: 'form', message: 'Sure?', requestedSchema: {} } }
const CALL: ModernAsk = { method: 'tools/call', params: { name: 'get_thing', arguments: { n: 1 } } }
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

let world: TenantsWorld
beforeAll(async () => {
  world = await startTenants(null, () =>
    startModernUpstream(({ body, json }) => {
      const params = (body['params'] ?? {}) as Record<string, unknown>
      if (body['method'] !== 'tools/call' || params['inputResponses'] !== undefined) return false
      const result = { resultType: 'input_required', inputRequests: { sure: QUESTION }, requestState: 'upstream state' }
      json({ jsonrpc: '2.0', id: body['id'], result })
      return true
    }),
  )
}, 60_000)
afterAll(() => world.close())

describe.each([
  ['acme', 'beta'],
  ['acme', 'root'],
  ['root', 'acme'],
] as const)('of %s at %s, where everything is called the same', (giver, taker) => {
  const from = () => world[giver]
  const at = () => world[taker]

  it('the state of a round is no state, and nothing reaches the upstream', async () => {
    const [mine, theirs] = [await from().tokens(), await at().tokens()]
    const first = await ask(from().resource, { ...CALL, token: mine.access_token })
    const { requestState } = (first.messages[0]?.['result'] ?? {}) as { requestState: string }
    const retry = (token: string): ModernAsk => ({
      ...CALL,
      id: 2,
      token,
      params: { ...CALL.params, inputResponses: { sure: { action: 'accept', content: {} } }, requestState },
    })
    const before = world.upstream.of('tools/call').length
    expect((await ask(at().resource, retry(mine.access_token))).status).toBe(401)
    const refused = await ask(at().resource, retry(theirs.access_token))
    expect(refused.messages[0]).toMatchObject({ error: { code: -32602 } })
    expect(world.upstream.of('tools/call')).toHaveLength(before)
    const own = await ask(from().resource, retry(mine.access_token))
    expect(own.messages[0]).toMatchObject({ result: { content: [{ text: 'done' }] } })
  })

  it('an initial access token lets nobody in', async () => {
    const made = await from().admin('POST', '/client-tokens', { name: 'fleet', expiresInSeconds: 3_600 })
    expect(made.status, made.text).toBe(201)
    const { token } = JSON.parse(made.text) as { token: string }
    const register = (household: Household) =>
      fetch(`${household.issuer}/oauth/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({
          client_name: 'Fleet',
          redirect_uris: [REDIRECT_URI],
          token_endpoint_auth_method: 'none',
        }),
      })
    expect((await register(at())).status).toBe(401)
    expect((await register(from())).status).toBe(201)
  })

  it('a token is exchanged for none', async () => {
    const { access_token: token } = await from().tokens()
    const exchange = (household: Household) =>
      fetch(`${household.issuer}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`robot:${household.secret}`).toString('base64')}` },
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: token,
          subject_token_type: ACCESS_TOKEN,
          resource: household.resource,
          scope: 'notes:read',
        }),
      })
    const refused = await exchange(at())
    expect([refused.status, ((await refused.json()) as { error: string }).error]).toEqual([400, 'invalid_request'])
    expect((await exchange(from())).status).toBe(200)
  })
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import { logInScripted } from '../support/scripted-client.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

let world: WholeGateway
let origin: string

beforeAll(async () => {
  world = await startWholeGateway((port) => `version: 1\ngateway: { publicUrl: 'http://127.0.0.1:${port}' }\n`)
  origin = `http://127.0.0.1:${world.port}`
})
afterAll(() => world.close())

async function ask(method: string, path: string, headers: Readonly<Record<string, string>>) {
  const answer = await fetch(`${origin}/api/v1${path}`, { method, headers })
  const text = await answer.text()
  return { status: answer.status, challenge: answer.headers.get('www-authenticate'), text }
}

const realm = () => `Bearer realm="${origin}/api/v1"`
const metadata = () => `resource_metadata="${origin}/.well-known/oauth-protected-resource/api/v1"`
const body = (code: string, message: string) =>
  expect.stringMatching(
    new RegExp(`^\\{"error":\\{"code":"${code}","message":"${message}","requestId":"[0-9a-f-]{36}"\\}\\}$`),
  )

it('without a token: where to get one, and no error', async () => {
  expect(await ask('GET', '/grants', {})).toEqual({
    status: 401,
    challenge: `${realm()}, ${metadata()}, scope="api:read"`,
    text: body('unauthenticated', 'An access token is needed\\.'),
  })
})

it('with a token that is not valid here', async () => {
  expect(await ask('GET', '/grants', { authorization: 'Bearer e30.e30.e30' })).toEqual({
    status: 401,
    challenge: `${realm()}, error="invalid_token", error_description="The access token is expired, revoked or not valid here", ${metadata()}, scope="api:read"`,
    text: body('unauthenticated', 'The access token is not valid here\\.'),
  })
})

it('with too few scopes: all that it takes', async () => {
  const endpoints = {
    authorize: `${origin}/oauth/authorize`,
    token: `${origin}/oauth/token`,
    register: `${origin}/oauth/register`,
  }
  const ada = await world.addUser('ada', ['operator'])
  const asked = { resource: `${origin}/api/v1`, scope: 'api:read' }
  const { access_token } = await logInScripted(fetch, endpoints, ada, asked)
  expect(await ask('DELETE', '/grants/some-grant', { authorization: `Bearer ${access_token}` })).toEqual({
    status: 403,
    challenge: `${realm()}, error="insufficient_scope", error_description="This call needs more scopes than the access token has", ${metadata()}, scope="api:read api:write"`,
    text: body('insufficientScope', 'This needs more scopes: api:read api:write\\.'),
  })
})

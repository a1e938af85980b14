import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type HandMadeProvider, PROVIDER_CLIENT, startHandMadeProvider } from '../support/hand-made-provider.ts'
import { initialize, logInScripted, registerClient } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

interface DocumentedOperation {
  readonly operationId: string
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> }
  readonly responses: Record<string, { readonly content: Record<string, { readonly schema: Schema }> }>
}
type Schema = Parameters<typeof z.fromJSONSchema>[0]
interface OpenApi {
  readonly servers: readonly { readonly url: string }[]
  readonly paths: Record<string, Record<string, DocumentedOperation>>
  readonly components: { readonly schemas: { readonly Error: Schema } }
}

/** A request that succeeds, per operation, run in this order: values from the world, never from the document. */
interface Example {
  readonly params?: Record<string, string>
  readonly query?: string
  readonly body?: unknown
}

let upstream: ScriptedUpstream
let corp: HandMadeProvider
let world: WholeGateway
let origin: string
let document: OpenApi
const ids: Record<string, string> = {}

const EXAMPLES: Record<string, () => Example> = {
  'health.show': () => ({}),
  'configuration.show': () => ({}),
  'users.list': () => ({ query: 'limit=1' }),
  'users.create': () => ({ body: { username: 'carol' } }),
  'users.show': () => ({ params: { user: 'carol' } }),
  'users.setRoles': () => ({ params: { user: 'carol' }, body: { roles: ['auditor'] } }),
  'users.resetFactors': () => ({ params: { user: 'carol' } }),
  'users.setPassword': () => ({ params: { user: 'carol' }, body: {} }),
  'users.disable': () => ({ params: { user: 'carol' } }),
  'users.enable': () => ({ params: { user: 'carol' } }),
  'users.link': () => ({ params: { user: 'carol' }, body: { issuer: 'https://idp.example', subject: '00u1' } }),
  'users.links': () => ({ params: { user: 'carol' } }),
  'users.unlink': () => ({ params: { user: 'carol' }, body: { issuer: 'https://idp.example', subject: '00u1' } }),
  'clients.list': () => ({}),
  'clients.show': () => ({ params: { client: ids['client'] ?? '' } }),
  'clients.approve': () => ({ params: { client: ids['pending'] ?? '' } }),
  'grants.list': () => ({ query: 'all=true' }),
  'grants.show': () => ({ params: { grant: ids['grant'] ?? '' } }),
  'grants.revoke': () => ({ params: { grant: ids['grant'] ?? '' } }),
  'grants.revokeMany': () => ({ body: { clientId: ids['client'] ?? '' } }),
  'clientTokens.create': () => ({ body: { name: 'fleet', usesMax: 3, expiresInSeconds: 3600 } }),
  'clientTokens.list': () => ({ query: 'all=true' }),
  'clientTokens.revoke': () => ({ params: { token: ids['token'] ?? '' } }),
  'keys.create': () => ({
    body: {
      user: 'alice',
      name: 'nightly build',
      servers: [{ server: 'files', scopes: ['files:read'] }],
      expiresInSeconds: 3600,
    },
  }),
  'keys.list': () => ({ query: 'all=true' }),
  'keys.show': () => ({ params: { key: ids['key'] ?? '' } }),
  'keys.rotate': () => ({ params: { key: ids['key'] ?? '' }, body: { overlapSeconds: 900 } }),
  'keys.revoke': () => ({ params: { key: ids['key'] ?? '' } }),
  'signingKeys.list': () => ({}),
  'signingKeys.rotate': () => ({ body: { algorithm: 'ES256' } }),
  'identityProviders.test': () => ({ params: { provider: 'corp' } }),
  'identityProviders.testResult': () => ({ params: { test: ids['test'] ?? '' } }),
  'tokens.revoke': () => ({ params: { token: 'some-token' } }),
  'clients.remove': () => ({ params: { client: ids['client'] ?? '' } }),
  'log.show': () => ({ query: 'limit=5&outcome=refused' }),
  'log.explain': () => ({ params: { request: ids['request'] ?? '' } }),
  'log.verify': () => ({}),
  'log.export': () => ({}),
  'log.checkpoint': () => ({}),
  'grants.revokeAll': () => ({ body: { everybody: true } }),
}

const yaml = (mode: string) => (port: number) =>
  [
    'version: 1',
    `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
    `registration: { mode: ${mode} }`,
    `identityProviders: { corp: { issuer: '${corp.issuer}', clientId: ${PROVIDER_CLIENT}, network: loopback } }`,
    'servers:',
    `  files: { http: { url: '${upstream.url}', network: loopback } }`,
    '',
  ].join('\n')

beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  corp = await startHandMadeProvider()
  world = await startWholeGateway(yaml('open'))
  origin = `http://127.0.0.1:${world.port}`
  document = (await (await fetch(`${origin}/api/v1/openapi.json`)).json()) as OpenApi
  const alice = await world.addUser('alice')
  const tokens = await logInScripted(
    fetch,
    { authorize: `${origin}/oauth/authorize`, token: `${origin}/oauth/token`, register: `${origin}/oauth/register` },
    alice,
    { resource: `${origin}/mcp/files` },
  )
  const refused = await initialize(fetch, `${origin}/mcp/files`, 'eyJ.not.ours')
  await world.reconfigure(yaml('approval')(world.port))
  ids['client'] = tokens.clientId
  ids['pending'] = await registerClient(fetch, `${origin}/oauth/register`)
  ids['request'] = refused.headers.get('x-request-id') ?? ''
  const grants = JSON.parse((await world.admin('GET', '/grants')).text) as { items: { grantId: string }[] }
  const made = await world.admin('POST', '/keys', {
    user: 'alice',
    name: 'another',
    servers: [{ server: 'files', scopes: ['files:read'] }],
    expiresInSeconds: 3600,
  })
  const token = await world.admin('POST', '/client-tokens', { name: 'another', expiresInSeconds: 3600 })
  ids['token'] = (JSON.parse(token.text) as { tokenId: string }).tokenId
  const test = await world.admin('POST', '/identity-providers/corp/test')
  ids['test'] = (JSON.parse(test.text) as { testId: string }).testId
  ids['key'] = (JSON.parse(made.text) as { keyId: string }).keyId
  ids['grant'] = grants.items[0]?.grantId ?? ''
})
afterAll(async () => {
  await world.close()
  await corp.close()
  await upstream.close()
})

const documented = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )

function find(operationId: string) {
  const found = documented().find(({ operation }) => operation.operationId === operationId)
  if (found === undefined) throw new Error(`${operationId} is not documented`)
  return found
}

const errorSchema = () => z.fromJSONSchema(document.components.schemas.Error)

describe('the published OpenAPI', () => {
  it('names this gateway, and exactly the operations that are tried here', () => {
    expect(document.servers).toEqual([{ url: `${origin}/api/v1` }])
    expect(
      documented()
        .map(({ operation }) => operation.operationId)
        .sort(),
    ).toEqual(Object.keys(EXAMPLES).sort())
  })

  it.each(Object.keys(EXAMPLES))('%s answers what is documented: status, media type, every field', async (id) => {
    const { path, method, operation } = find(id)
    const { params = {}, query, body } = EXAMPLES[id]?.() ?? {}
    const names = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
    expect(Object.keys(params).sort()).toEqual(names.sort())
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
    if (operation.requestBody === undefined) expect(body).toBeUndefined()
    else z.fromJSONSchema(operation.requestBody.content['application/json']?.schema ?? {}).parse(body)

    const answer = await world.admin(method, `${filled}${query === undefined ? '' : `?${query}`}`, body)
    const [status = '', response] = Object.entries(operation.responses).find(([key]) => key !== 'default') ?? []
    expect([answer.status, answer.text.slice(0, 300)]).toEqual([Number(status), expect.anything()])
    const [mediaType = '', content] = Object.entries(response?.content ?? {})[0] ?? []
    expect(answer.headers['content-type']).toContain(mediaType)
    const schema = z.fromJSONSchema(content?.schema ?? { not: {} })
    const values = mediaType.endsWith('x-ndjson') ? answer.text.trimEnd().split('\n') : [answer.text]
    expect(values.length).toBeGreaterThan(0)
    for (const value of values) schema.parse(JSON.parse(value))
  })

  it.each(Object.keys(EXAMPLES))(
    '%s is behind the token door on the network, and refuses as documented',
    async (id) => {
      const { path, method } = find(id)
      const answer = await fetch(`${origin}/api/v1${path.replace(/\{\w+\}/g, 'x')}`, { method })
      expect(answer.status).toBe(401)
      errorSchema().parse(await answer.json())
    },
  )

  it.each([
    ['GET', '/users?surprise=1', undefined, 400],
    ['GET', '/users/nobody', undefined, 404],
    ['POST', '/users', { username: 'alice' }, 409],
    ['POST', '/users', { username: 'x y' }, 400],
    ['GET', '/log?cursor=made-up', undefined, 400],
  ] as const)('%s %s with %j is refused with %i, as documented', async (method, path, body, status) => {
    const answer = await world.admin(method, path, body)
    expect(answer.status).toBe(status)
    errorSchema().parse(JSON.parse(answer.text))
  })
})

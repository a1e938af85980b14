import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

const APP = 'https://app.example.com'
let world: WholeGateway
let origin: string

beforeAll(async () => {
  world = await startWholeGateway((port) =>
    [
      'version: 1',
      `gateway: { publicUrl: 'http://127.0.0.1:${port}', allowedOrigins: ['${APP}'] }`,
      'servers: { files: { stdio: { command: node } } }',
      '',
    ].join('\n'),
  )
  origin = `http://127.0.0.1:${world.port}`
})
afterAll(() => world.close())

/** What browser clients must reach: metadata in every form, registration, tokens, the MCP endpoint; old addresses too. */
const READABLE: readonly (readonly [string, string])[] = [
  ['GET', '/.well-known/oauth-protected-resource/mcp/files'],
  ['GET', '/.well-known/oauth-protected-resource'],
  ['GET', '/.well-known/oauth-protected-resource/api/v1'],
  ['GET', '/.well-known/oauth-authorization-server'],
  ['GET', '/.well-known/oauth-authorization-server/mcp/files'],
  ['GET', '/mcp/files/.well-known/oauth-authorization-server'],
  ['GET', '/.well-known/openid-configuration'],
  ['GET', '/.well-known/openid-configuration/mcp/files'],
  ['GET', '/mcp/files/.well-known/openid-configuration'],
  ['GET', '/oauth/jwks'],
  ['POST', '/oauth/register'],
  ['POST', '/oauth/token'],
  ['POST', '/oauth/revoke'],
  ['POST', '/register'],
  ['POST', '/token'],
  ['POST', '/mcp/files'],
  ['GET', '/mcp/files'],
  ['DELETE', '/mcp/files'],
]
/** Pages are for people and the admin API for programs of the operator; no page of another origin reads them. */
const UNREADABLE: readonly (readonly [string, string])[] = [
  ['GET', '/oauth/authorize'],
  ['GET', '/authorize'],
  ['GET', '/oauth/authorize/some-uid'],
  ['GET', '/login/some-uid'],
  ['GET', '/consent/some-uid'],
  ['GET', '/setup'],
  ['GET', '/api/v1/users'],
  ['GET', '/api/v1/openapi.json'],
  ['GET', '/healthz'],
  ['GET', '/readyz'],
  ['GET', '/nothing'],
]

const ask = (method: string, path: string, headers: Record<string, string>) =>
  fetch(`${origin}${path}`, { method, headers, redirect: 'manual' })
const preflight = (method: string, path: string, from: string) =>
  ask('OPTIONS', path, {
    origin: from,
    'access-control-request-method': method,
    'access-control-request-headers':
      'authorization, content-type, mcp-protocol-version, mcp-session-id, last-event-id',
  })
const corsHeaders = (response: Response) =>
  [...response.headers.keys()].filter((name) => name.startsWith('access-control'))

describe('a configured origin', () => {
  it.each(READABLE)('may send %s %s and read the answer, refusals included', async (method, path) => {
    const asked = await preflight(method, path, APP)
    expect(asked.status).toBe(204)
    expect(asked.headers.get('access-control-allow-origin')).toBe(APP)
    expect(asked.headers.get('access-control-allow-methods')?.split(', ')).toContain(method)
    const allowed = asked.headers.get('access-control-allow-headers')?.split(', ') ?? []
    expect(allowed).toEqual(
      expect.arrayContaining([
        'authorization',
        'content-type',
        'mcp-protocol-version',
        'mcp-session-id',
        'last-event-id',
      ]),
    )
    expect(asked.headers.has('access-control-allow-credentials')).toBe(false)

    const answer = await ask(method, path, { origin: APP })
    expect(answer.headers.get('access-control-allow-origin')).toBe(APP)
    expect(answer.headers.get('vary')?.toLowerCase()).toContain('origin')
    expect(answer.headers.get('access-control-expose-headers')?.split(', ')).toEqual(
      expect.arrayContaining(['www-authenticate', 'mcp-session-id']),
    )
    expect(answer.headers.has('access-control-allow-credentials')).toBe(false)
  })

  it.each(UNREADABLE)('cannot read %s %s', async (method, path) => {
    expect(corsHeaders(await preflight(method, path, APP))).toEqual([])
    expect(corsHeaders(await ask(method, path, { origin: APP }))).toEqual([])
  })

  it('reads the challenge that tells it where to log in', async () => {
    const answer = await ask('POST', '/mcp/files', { origin: APP })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain('resource_metadata=')
  })
})

describe('any other origin', () => {
  const OTHERS = [
    'https://evil.example',
    'null',
    `${APP}.evil.example`,
    'http://app.example.com',
    `${APP}:8443`,
    'https://APP.example.com',
  ]
  it.each(OTHERS)('%s reads nothing and is allowed nothing', async (from) => {
    for (const [method, path] of READABLE) {
      const asked = await preflight(method, path, from)
      expect([asked.status, corsHeaders(asked)], path).toEqual([403, []])
      expect(corsHeaders(await ask(method, path, { origin: from })), path).toEqual([])
    }
  })

  it.each(OTHERS)('%s is refused at the MCP endpoint whatever it sends', async (from) => {
    expect((await ask('POST', '/mcp/files', { origin: from })).status).toBe(403)
  })
})

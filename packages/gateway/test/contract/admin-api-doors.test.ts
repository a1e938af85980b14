import { once } from 'node:events'
import { chmodSync, mkdtempSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { listenOnSocket } from '#control-plane/admin-api/socket.ts'
import { socketPath } from '#control-plane/admin-api/socket-path.ts'
import type { TokenDoor } from '#control-plane/admin-api/token-door.ts'
import { systemClock } from '#core/clock.ts'
import { asClientId, asGrantId, asRequestId, asSubjectId, asTokenId, DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { ok, refused } from '#core/result.ts'
import { createRouter } from '#http/router.ts'
import type { Principal } from '#identity/principal.ts'
import { openTestAdminApi, type TestAdminApi } from '../support/admin-api.ts'
import { testSenders } from '../support/sender-rules.ts'

const API = 'http://127.0.0.1:8700/api/v1'
/** RFC 6750 §3, RFC 9728 §5.1. */
const CHALLENGE = (error: string) =>
  `Bearer realm="${API}"${error}, resource_metadata="http://127.0.0.1:8700/.well-known/oauth-protected-resource/api/v1", scope="api:read"`
const MISSING = CHALLENGE('')
const INVALID = CHALLENGE(
  ', error="invalid_token", error_description="The access token is expired, revoked or not valid here"',
)
const subject = asSubjectId('01a1fccf-3ce8-7bf3-b7c8-433692f2479f')

function principal(tenant: typeof DEFAULT_TENANT = DEFAULT_TENANT): Principal {
  return {
    tenant,
    subject,
    kind: 'user',
    clientId: asClientId('console'),
    scopes: liveScopes,
    resource: API,
    acr: null,
    authTime: null,
    grantId: asGrantId('grant'),
    grantNumber: 1,
    confirmation: null,
    tokenId: asTokenId('token'),
    expiresAt: 0,
  }
}

/** Tokens say what they are; the audience is checked as the real verifier does. */
const door: TokenDoor = {
  verifier: {
    verify: async (token, resource) => {
      if (token === 'down') return refused({ kind: 'unavailable', reason: 'feed stale' })
      if (token === 'other-tenant') return ok(principal('other' as typeof DEFAULT_TENANT))
      return token.endsWith('-token') && resource === API
        ? ok(principal())
        : refused({ kind: 'invalid', reason: 'audienceMismatch' })
    },
  },
  senders: testSenders(),
  memberships: { rolesOf: async () => ({ roles: liveRoles, version: 1 }) },
}

let world: TestAdminApi
let server: Server
let port: number
let liveRoles: string[]
let liveScopes: string[] = ['api:write']

beforeAll(async () => {
  world = await openTestAdminApi(door)
  const router = createRouter(world.api.routes)
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '', API)
    void router({
      request,
      response,
      requestId: asRequestId('request-7'),
      path: url.pathname,
      query: url.searchParams,
      clientAddress: '127.0.0.1',
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await world.close()
})
beforeEach(() => {
  liveRoles = ['operator']
  liveScopes = ['api:write']
  world.events.length = 0
})

const call = (path: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    ...init,
    headers: { authorization: 'Bearer good-token', ...init.headers },
  })

describe('the outer door', () => {
  const WITHOUT: readonly (readonly [string, Record<string, string>, number, string, string | null, string])[] = [
    ['no token', { authorization: '' }, 401, 'unauthenticated', MISSING, 'tokenMissing'],
    ['another scheme', { authorization: 'Basic YTpi' }, 401, 'unauthenticated', MISSING, 'tokenMissing'],
    ['a token of an MCP server', { authorization: 'Bearer foreign' }, 401, 'unauthenticated', INVALID, 'tokenInvalid'],
    [
      'a token of another tenant',
      { authorization: 'Bearer other-tenant' },
      401,
      'unauthenticated',
      INVALID,
      'tenantMismatch',
    ],
    ['a verifier that is down', { authorization: 'Bearer down' }, 503, 'unavailable', null, 'verifierUnavailable'],
    ['a foreign page', { origin: 'https://evil.example' }, 403, 'originForbidden', null, 'originForbidden'],
  ]
  it.each(WITHOUT)('refuses %s, recorded', async (_name, headers, status, code, challenge, reason) => {
    const response = await call('/users', { headers })
    expect(response.status).toBe(status)
    expect(response.headers.get('www-authenticate')).toBe(challenge)
    expect(response.headers.get('retry-after')).toBe(status === 503 ? '2' : null)
    expect(await response.json()).toEqual({
      error: { code, message: expect.any(String), requestId: 'request-7' },
    })
    expect(world.events).toMatchObject([{ activity: 'authenticate', outcome: 'refused', reason, method: 'users.list' }])
  })

  it('refuses a token in the URL even beside a good one', async () => {
    const response = await call('/users?access_token=good-token')
    expect(response.status).toBe(401)
    expect(world.events).toMatchObject([{ reason: 'tokenInQuery' }])
  })

  it('refuses two credentials, though both are good', async () => {
    const statuses: number[] = []
    const credential = ['authorization', 'Bearer good-token']
    for (const headers of [credential, [...credential, ...credential]].map((sent) => ['host', 'x', ...sent])) {
      const sent = httpRequest({ port, host: '127.0.0.1', path: '/api/v1/users', headers })
      const [answer] = (await once(sent.end(), 'response')) as [IncomingMessage]
      answer.resume()
      statuses.push(answer.statusCode ?? 0)
    }
    expect(statuses).toEqual([200, 401])
  })

  it('reads no body that is compressed, or that two parsers could read differently', async () => {
    const post = async (body: string, headers: Record<string, string> = {}) => {
      const answer = await call('/users', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      })
      return [answer.status, ((await answer.json()) as { error?: { code?: string } }).error?.code]
    }
    const good = '{"username":"dora","password":"correct horse battery"}'
    expect(await post(good, { 'content-encoding': 'gzip' })).toEqual([415, 'mediaTypeUnsupported'])
    expect(await post(good.replace('{', '{"username":"eve",'))).toEqual([400, 'invalidInput'])
    expect((await post(good))[0]).toBe(201)
  })

  it('goes by the roles the subject has now', async () => {
    expect((await call('/users')).status).toBe(200)
    liveRoles = ['plain']
    expect((await call('/users')).status).toBe(403)
    liveRoles = ['gone-from-the-configuration']
    expect((await call('/users')).status).toBe(403)
  })

  it.each([
    ['GET', '/users', ['files:write', 'api:tool:users'], 'api:read'],
    ['GET', '/users', [], 'api:read'],
    ['POST', '/users', ['api:read'], 'api:write'],
    ['PUT', '/users/somebody/roles', ['api:read'], 'api:write'],
    ['DELETE', '/grants/some-grant', ['api:read'], 'api:write'],
  ])('answers %s %s with scopes %j by the full set that it takes, recorded', async (method, path, scopes, needed) => {
    liveScopes = scopes
    const response = await call(path, { method })
    expect(response.status).toBe(403)
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer realm="${API}", error="insufficient_scope", error_description="This call needs more scopes than the access token has", ` +
        'resource_metadata="http://127.0.0.1:8700/.well-known/oauth-protected-resource/api/v1", ' +
        `scope="${[...scopes, needed].join(' ')}"`,
    )
    expect(await response.json()).toMatchObject({ error: { code: 'insufficientScope', requestId: 'request-7' } })
    expect(world.events).toMatchObject([
      { activity: 'request.refused', reason: 'scopeInsufficient', subject, clientId: 'console', grantId: 'grant' },
    ])
  })

  it.each([
    ['api:read', 200],
    ['api:write', 200],
  ])('reads with %s', async (scope, status) => {
    liveScopes = [scope]
    expect((await call('/users')).status).toBe(status)
  })

  it.each([
    ['user', 'POST', '/users'],
    ['approver', 'DELETE', '/clients/some-client'],
    ['auditor', 'POST', '/users'],
    // The matrix lets auditors end their own grants; a token of theirs still changes nothing.
    ['auditor', 'DELETE', '/grants/some-grant'],
    ['plain', 'GET', '/health'],
  ])('sends nobody to consent for what their role forbids: %s, %s %s', async (role, method, path) => {
    liveRoles = [role]
    for (const scopes of [['api:read'], ['api:write']]) {
      liveScopes = scopes
      const response = await call(path, { method })
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([403, null])
      expect(await response.json()).toMatchObject({ error: { code: 'forbidden' } })
    }
    expect(world.events).toMatchObject([
      { reason: 'adminRoleForbids', subject },
      { reason: 'adminRoleForbids', subject },
    ])
  })

  it('lets nobody in while refusals cannot be recorded', async () => {
    const broken = await openTestAdminApi(door)
    broken.breakAudit()
    const route = broken.api.routes.find(({ path, method }) => path === '/api/v1/users' && method === 'GET')
    const lone = createServer((request, response) => {
      void route?.handler(
        {
          request,
          response,
          requestId: asRequestId('r'),
          path: '/api/v1/users',
          query: new URLSearchParams(),
          clientAddress: '127.0.0.1',
        },
        {},
      )
    })
    await new Promise<void>((resolve) => lone.listen(0, '127.0.0.1', resolve))
    const response = await fetch(`http://127.0.0.1:${(lone.address() as AddressInfo).port}/`)
    expect(response.status).toBe(503)
    lone.closeAllConnections()
    await new Promise((resolve) => lone.close(resolve))
    await broken.close()
  })
})

describe('on the wire', () => {
  const json = { 'content-type': 'application/json' }

  it('creates with 201 and ETag, and honours Idempotency-Key and If-Match as headers', async () => {
    const init = { method: 'POST', body: JSON.stringify({ username: 'wired' }) }
    const first = await call('/users', { ...init, headers: { ...json, 'idempotency-key': 'wire-1' } })
    expect(first.status).toBe(201)
    const again = await call('/users', { ...init, headers: { ...json, 'idempotency-key': 'wire-1' } })
    expect(await again.text()).toBe(await first.text())
    const stale = await call('/users/wired/disable', { method: 'POST', headers: { 'if-match': '"stale"' } })
    expect(stale.status).toBe(412)
    const shown = await call('/users/wired')
    const etag = shown.headers.get('etag') ?? ''
    expect((await call('/users/wired/disable', { method: 'POST', headers: { 'if-match': etag } })).status).toBe(200)
  })

  it.each([
    [
      'another media type',
      { method: 'POST', body: 'username=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
    ],
    ['no media type', { method: 'POST', body: '{}', headers: { 'content-type': '' } }, 415],
    ['no JSON', { method: 'POST', body: '{', headers: json }, 400],
    ['no UTF-8', { method: 'POST', body: new Uint8Array([0x22, 0xff, 0x22]), headers: json }, 400],
    ['too much', { method: 'POST', body: JSON.stringify('x'.repeat(70_000)), headers: json }, 413],
    ['no body', { method: 'POST', headers: json }, 400],
  ])('refuses %s', async (_name, init, status) => {
    const response = await call('/users', init)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { requestId: 'request-7' } })
  })

  it('refuses a query field that comes twice', async () => {
    expect((await call('/users?limit=1&limit=2')).status).toBe(400)
  })

  it('streams the log as lines', async () => {
    const response = await call('/log/export')
    expect(response.headers.get('content-type')).toBe('application/x-ndjson')
    expect(await response.text()).toBe('{"type":"record","position":0,"leaf":"","body":"{}"}\n')
  })

  it('records that the log was read, before showing it', async () => {
    for (const path of ['/log', '/log/requests/request-1', '/log/verification', '/log/export', '/log/checkpoint'])
      await (await call(path)).text()
    expect(world.events.map((event) => [event.activity, event.subject, event.detail?.['operation']])).toEqual(
      ['log.show', 'log.explain', 'log.verify', 'log.export', 'log.checkpoint'].map((id) => ['log.read', subject, id]),
    )
  })

  it('publishes OpenAPI to anybody, every operation in it', async () => {
    const response = await call('/openapi.json', { headers: { authorization: '' } })
    const document = (await response.json()) as {
      openapi: string
      paths: Record<string, Record<string, { operationId: string }>>
    }
    expect(document.openapi).toBe('3.1.0')
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    )
    expect(new Set(ids).size).toBe(40)
    expect(ids).toHaveLength(40)
    expect(document.paths['/users/{user}/roles']?.['put']).toMatchObject({
      parameters: [
        { name: 'user', in: 'path', required: true },
        { name: 'If-Match', in: 'header' },
      ],
      requestBody: {
        content: { 'application/json': { schema: { required: ['roles'], additionalProperties: false } } },
      },
    })
  })
})

describe('the inner door', () => {
  const get = (path: string, target: string) =>
    new Promise<number>((resolve, reject) => {
      httpRequest({ socketPath: path, path: target }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
        .on('error', reject)
        .end()
    })
  const options = (stateDir: string) => ({
    routes: world.api.localRoutes,
    stateDir,
    clock: systemClock,
    random: systemRandom,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  })
  const folder = () => realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-socket-')))

  it('is a socket of this user alone, whose callers are operators without a token', async () => {
    const stateDir = folder()
    const socket = await listenOnSocket(options(stateDir))
    expect(socket.path).toBe(join(stateDir, 'sallyport.sock'))
    expect(statSync(socket.path).mode & 0o777).toBe(0o600)
    expect(await get(socket.path, '/api/v1/users')).toBe(200)
    expect(await get(socket.path, '/api/v1/nothing')).toBe(404)
    expect(await get(socket.path, '/api/v1/../users')).toBe(400)
    await socket.close()
  })

  it('replaces a socket that a dead process left, and nothing else', async () => {
    const stateDir = folder()
    const first = await listenOnSocket(options(stateDir))
    const second = await listenOnSocket(options(stateDir))
    expect(await get(second.path, '/api/v1/health')).toBe(200)
    await second.close()
    await first.close()
    writeFileSync(join(stateDir, 'sallyport.sock'), 'precious')
    await expect(listenOnSocket(options(stateDir))).rejects.toThrow('not a socket')
  })

  it('refuses a folder that others can enter', async () => {
    const stateDir = folder()
    chmodSync(stateDir, 0o755)
    await expect(listenOnSocket(options(stateDir))).rejects.toThrow('this user alone')
  })

  it('finds a short path for a deep folder, the same each time', async () => {
    const deep = join(folder(), 'd'.repeat(120))
    expect(socketPath(deep)).toBe(socketPath(deep))
    expect(Buffer.byteLength(socketPath(deep))).toBeLessThan(104)
    const socket = await listenOnSocket(options(deep))
    expect(await get(socketPath(deep), '/api/v1/health')).toBe(200)
    await socket.close()
  })
})

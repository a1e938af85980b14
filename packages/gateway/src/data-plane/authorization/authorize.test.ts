import { beforeEach, describe, expect, it } from 'vitest'
import { asClientId, asGrantId, asRequestId, asServerId, asSubjectId, asTokenId, DEFAULT_TENANT } from '#core/ids.ts'
import { ok } from '#core/result.ts'
import { Secret } from '#core/secret.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import type { Principal } from '#identity/principal.ts'
import type { JsonObject, JsonRpcMessage } from '#wire/jsonrpc/message.ts'
import { readMessage } from '#wire/jsonrpc/read-message.ts'
import { allMethods } from '#wire/mcp/methods.ts'
import { testSenders } from '../../../test/support/sender-rules.ts'
import { testRole, testServer, testSnapshot } from '../../../test/support/snapshot.ts'
import type { RequestHead } from '../admission/request-head.ts'
import { type Authenticated, authenticate, isAuthenticated } from '../authentication/authenticate.ts'
import { authorize, isPermit, type ToolLookup } from './authorize.ts'
import { needOf } from './method-classes.ts'

const server = testServer('files', { toolScopes: new Set(['wipe']), toolClasses: new Map([['wipe', 'destructive']]) })
const snapshot = testSnapshot({
  servers: new Map([[asServerId('files'), server]]),
  roles: new Map([
    ['reader', testRole('reader', { '*': ['read'] })],
    ['all', testRole('all', { files: ['admin', 'send', 'execute', 'financial'] })],
  ]),
})
const CLASSES: Record<string, ToolClass> = { look: 'read', put: 'write', wipe: 'destructive' }

let asked: string[]
const tools: ToolLookup = {
  classOf: async (tool) => {
    asked.push(tool)
    return Object.hasOwn(CLASSES, tool) ? (CLASSES[tool] ?? null) : null
  },
}
beforeEach(() => {
  asked = []
})

async function caller(scopes: readonly string[]): Promise<Authenticated> {
  const head: RequestHead = {
    requestId: asRequestId('r'),
    clientAddress: '127.0.0.1',
    method: 'POST',
    server,
    snapshot,
    credential: { kind: 'token', scheme: 'bearer', token: new Secret('x') },
    proof: null,
    certificate: null,
    target: server.resource,
    hasSecondCredential: false,
    sessionId: null,
    revisionHeader: null,
    mirror: { method: null, name: null, params: new Map() },
    lastEventId: null,
    protocolProblem: null,
  }
  const principal: Principal = {
    tenant: DEFAULT_TENANT,
    subject: asSubjectId('s'),
    kind: 'user',
    clientId: asClientId('c'),
    scopes,
    resource: server.resource,
    acr: null,
    authTime: null,
    grantId: asGrantId('g'),
    grantNumber: 1,
    confirmation: null,
    tokenId: asTokenId('t'),
    expiresAt: 0,
  }
  const verifier = { verify: async () => ok(principal), judge: async () => ok(principal) }
  const result = await authenticate(head, verifier, testSenders())
  if (!result.ok) throw new Error(result.refusal.name)
  return result.value
}

const NOW = 1_795_000_000

function message(object: JsonObject): JsonRpcMessage {
  const read = readMessage({ jsonrpc: '2.0', ...object })
  if (!read.ok) throw new Error(read.refusal.reason)
  return read.value
}

const call = (name: string) => message({ id: 1, method: 'tools/call', params: { name } })

async function outcome(roles: readonly string[] | null, scopes: readonly string[], of: JsonRpcMessage) {
  const memberships = { rolesOf: async () => (roles === null ? null : { roles, version: 4 }) }
  const result = await authorize(await caller(scopes), of, tools, snapshot, memberships, 'legacy', NOW)
  return result.ok ? result.value : result.refusal
}

describe('a caller whose roles allow nothing at this server', () => {
  it.each(['initialize', 'ping', 'tools/list', 'logging/setLevel'])('may not even send %s', async (method) => {
    const request = message({ id: 3, method, ...(method === 'initialize' ? { params: {} } : {}) })
    expect(await outcome(['nobody'], ['files:admin'], request)).toEqual({ name: 'roleForbids', id: 3 })
    expect(await outcome([], ['files:admin'], request)).toEqual({ name: 'roleForbids', id: 3 })
  })

  it('may not answer the server either', async () => {
    const answer = message({ id: 3, result: {} })
    expect(await outcome([], ['files:admin'], answer)).toEqual({ name: 'roleForbids', id: null })
  })
})

describe('every method', () => {
  it('that a client may send is mapped, and no other is', () => {
    for (const { method, senders } of allMethods()) {
      expect(needOf(method) !== null, method).toBe(senders.includes('client'))
    }
  })

  it.each([
    'tasks/get',
    'tasks/result',
    'sampling/createMessage',
    'server/discover',
    'x',
    'constructor',
    'notifications/message',
  ])('%s is refused as unmapped, to any role', async (method) => {
    expect(await outcome(['all'], ['files:admin'], message({ id: 9, method }))).toEqual({
      name: 'methodUnmapped',
      method,
      id: 9,
    })
    expect(await outcome(['all'], ['files:admin'], message({ method }))).toEqual({
      name: 'methodUnmapped',
      method,
      id: null,
    })
  })

  it('is refused as a notification when it is a request, so that nothing is called without an answer', async () => {
    const silent = message({ method: 'tools/call', params: { name: 'wipe' } })
    expect(await outcome(['all'], ['files:admin'], silent)).toMatchObject({ name: 'methodUnmapped' })
    expect(asked).toEqual([])
  })

  it.each([
    'prompts/get',
    'prompts/list',
    'resources/read',
    'resources/list',
    'resources/subscribe',
    'completion/complete',
  ])('%s needs the class read', async (method) => {
    expect(await outcome(['reader'], ['files:read'], message({ id: 1, method }))).toMatchObject({
      toolClass: 'read',
      tool: null,
    })
    expect(await outcome(['reader'], ['notes:read'], message({ id: 1, method }))).toMatchObject({
      name: 'scopeInsufficient',
    })
    expect(await outcome([], ['files:read'], message({ id: 1, method }))).toEqual({ name: 'roleForbids', id: 1 })
  })
})

describe('tools/call', () => {
  it('permits what role and token allow, and says what decided', async () => {
    const permit = await outcome(['reader'], ['files:read'], call('look'))
    expect(permit).toMatchObject({
      toolClass: 'read',
      tool: 'look',
      obligations: [],
      decision: { config: snapshot.version, membership: 4 },
    })
    expect(isPermit(permit)).toBe(true)
  })

  it('asks for the full set of scopes when only the token lacks one', async () => {
    expect(await outcome(['all'], ['files:read'], call('put'))).toEqual({
      name: 'scopeInsufficient',
      scopes: ['files:read', 'files:write'],
      scheme: 'bearer',
      id: 1,
    })
    expect(await outcome(['all'], ['files:read'], call('wipe'))).toEqual({
      name: 'scopeInsufficient',
      scopes: ['files:read', 'files:tool:wipe'],
      scheme: 'bearer',
      id: 1,
    })
  })

  it('accepts the scope of one tool for that tool alone', async () => {
    expect(await outcome(['all'], ['files:tool:wipe'], call('wipe'))).toMatchObject({ tool: 'wipe' })
    expect(await outcome(['all'], ['files:tool:wipe'], call('put'))).toMatchObject({ name: 'scopeInsufficient' })
  })

  it('is refused by role whatever the token says', async () => {
    expect(await outcome(['reader'], ['files:admin'], call('put'))).toEqual({ name: 'roleForbids', id: 1 })
    expect(await outcome(['no-such-role'], ['files:admin'], call('look'))).toEqual({ name: 'roleForbids', id: 1 })
  })

  it('of a tool that the server does not have is unknown', async () => {
    for (const tool of ['nope', '__proto__', 'constructor']) {
      expect(await outcome(['all'], ['files:admin'], call(tool))).toEqual({ name: 'toolUnknown', tool, id: 1 })
    }
  })

  it.each([{}, { name: '' }, { name: 5 }, { name: ['look'] }])('with params %j names no tool', async (params) => {
    const result = await outcome(
      ['all'],
      ['files:admin'],
      message({ id: 1, method: 'tools/call', params: params as JsonObject }),
    )
    expect(result).toMatchObject({ name: 'argumentsRefused', id: 1 })
    expect(asked).toEqual([])
  })

  it.each(['x', 5, true, [], [{}]])('with arguments %j is refused before anybody is asked', async (given) => {
    const params = { name: 'look', arguments: given } as JsonObject
    const result = await outcome(['all'], ['files:admin'], message({ id: 1, method: 'tools/call', params }))
    expect(result).toEqual({ name: 'argumentsRefused', reason: '"arguments" must be an object', id: 1 })
    expect(asked).toEqual([])
  })

  it('is refused when the tools cannot be listed', async () => {
    const broken: ToolLookup = { classOf: () => Promise.reject(new Error('host 10.0.0.7 down')) }
    const memberships = { rolesOf: async () => ({ roles: ['all'], version: 1 }) }
    const result = await authorize(
      await caller(['files:admin']),
      call('look'),
      broken,
      snapshot,
      memberships,
      'legacy',
      NOW,
    )
    expect(result).toEqual({
      ok: false,
      refusal: { name: 'upstreamUnavailable', reason: 'toolListUnavailable', id: 1 },
    })
  })
})

describe('an account', () => {
  it('that is gone or disabled makes its token invalid, for any message, before the tool is looked at', async () => {
    const reply = message({ id: 1, result: {} })
    for (const of of [
      call('look'),
      message({ id: 1, method: 'ping' }),
      reply,
      message({ id: 1, method: 'initialize' }),
    ]) {
      expect(await outcome(null, ['files:read'], of)).toEqual({ name: 'tokenInvalid', reason: 'accountNotActive' })
    }
    expect(asked).toEqual([])
  })

  it('that cannot be looked up is 503, not a challenge', async () => {
    const memberships = { rolesOf: () => Promise.reject(new Error('disk')) }
    const result = await authorize(
      await caller(['files:read']),
      call('look'),
      tools,
      snapshot,
      memberships,
      'legacy',
      NOW,
    )
    expect(result).toEqual({ ok: false, refusal: { name: 'verifierUnavailable', reason: 'membershipUnavailable' } })
  })
})

describe('forged steps', () => {
  it('are refused at run time: copies, prototypes and constructors make nothing', async () => {
    const real = await caller(['files:read'])
    const permit = await outcome(['reader'], ['files:read'], call('look'))
    const forgeries = [
      { ...real },
      Object.create(real),
      structuredClone({}),
      null,
      'x',
      Object.create(Object.getPrototypeOf(real)),
    ]
    for (const forgery of forgeries) {
      expect(isAuthenticated(forgery)).toBe(false)
      expect(isPermit(forgery)).toBe(false)
    }
    expect(isPermit(Object.create(Object.getPrototypeOf(permit)))).toBe(false)
    expect(real.constructor).toBe(Object)
    expect(Object.getPrototypeOf(permit).constructor).toBe(Object)
    expect(() => Object.assign(real, { principal: { ...real.principal, subject: 'root' } })).toThrow(TypeError)
    const memberships = { rolesOf: async () => ({ roles: ['all'], version: 1 }) }
    // What a caller without types could pass.
    const forged = { ...real } as unknown as Authenticated
    await expect(authorize(forged, call('look'), tools, snapshot, memberships, 'legacy', NOW)).rejects.toThrow(
      'not authenticated',
    )
    expect(asked).toEqual(['look'])
  })
})

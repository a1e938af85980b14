import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Person } from '../e2e/support/authorize.ts'
import { eventually } from '../support/eventually.ts'
import {
  authorizeClient,
  type IssuedTokens,
  initialize,
  logInScripted,
  post,
  REDIRECT_URI,
  registerClient,
  requestToken,
} from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

let upstream: ScriptedUpstream
let world: WholeGateway
let origin: string
let alice: Person
let tokens: IssuedTokens
let session: string

beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  world = await startWholeGateway((port) =>
    [
      'version: 1',
      `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
      'servers:',
      `  files: { http: { url: '${upstream.url}', network: loopback } }`,
      '',
    ].join('\n'),
  )
  origin = `http://127.0.0.1:${world.port}`
  alice = await world.addUser('alice')
  tokens = await logIn()
  const opened = await initialize(fetch, `${origin}/mcp/files`, tokens.access_token)
  session = opened.headers.get('mcp-session-id') ?? ''
})
afterAll(async () => {
  await world.close()
  await upstream.close()
})

const logIn = () =>
  logInScripted(
    fetch,
    { authorize: `${origin}/oauth/authorize`, token: `${origin}/oauth/token`, register: `${origin}/oauth/register` },
    alice,
    { resource: `${origin}/mcp/files` },
  )
const call = (name: string, token = tokens.access_token) =>
  post(
    fetch,
    `${origin}/mcp/files`,
    token,
    { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, arguments: {} } },
    { 'mcp-session-id': session },
  )
const recordsOf = async (response: Response) => {
  const requestId = response.headers.get('x-request-id')
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
  return (await world.log(`&requestId=${requestId}`)).map(({ activity, outcome }) => `${activity} ${outcome}`).sort()
}

/** Bytes as they are; the status and the request id that came back. */
function raw(text: string): Promise<Response> {
  return new Promise((resolve, reject) => {
    const socket = connect(world.port, '127.0.0.1', () => socket.write(text, 'latin1'))
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      answer += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => {
      const [, status = '0'] = /^HTTP\/1\.1 (\d{3})/.exec(answer) ?? []
      const [, id = ''] = /^x-request-id: (\S+)/im.exec(answer) ?? []
      resolve(new Response(null, { status: Number(status), headers: { 'x-request-id': id } }))
    })
  })
}

describe('what was allowed', () => {
  it('registration, login, consent, token, session and call: each once, in this order', async () => {
    const from = (await world.log()).length
    const mine = await logIn()
    const opened = await initialize(fetch, `${origin}/mcp/files`, mine.access_token)
    const id = opened.headers.get('mcp-session-id') ?? ''
    await post(
      fetch,
      `${origin}/mcp/files`,
      mine.access_token,
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'get_thing', arguments: {} } },
      { 'mcp-session-id': id },
    )
    const refreshed = await requestToken(fetch, `${origin}/oauth/token`, {
      grant_type: 'refresh_token',
      refresh_token: mine.refresh_token ?? '',
      client_id: mine.clientId,
    })
    expect(refreshed.status).toBe(200)
    const next = (await refreshed.json()) as { refresh_token: string }
    await requestToken(fetch, `${origin}/oauth/revoke`, { token: next.refresh_token, client_id: mine.clientId })
    const log = (await world.log()).reverse().slice(from)
    const told = log
      .filter(({ activity }) => activity !== 'log.read')
      .map(({ activity, outcome, method }) => [activity, outcome, ...(method === null ? [] : [method])].join(' '))
    expect(told).toEqual([
      'client.register success',
      'login success',
      'consent success',
      'token.issue success',
      'authenticate success',
      'session.open success initialize',
      'call.outcome success initialize',
      'call.outcome success tools/call',
      'token.refresh success',
      'token.revoke success',
      'session.close success',
    ])
  })

  it('a call that is no read: an intent before, an outcome after, under one request', async () => {
    const wide = await logInScripted(
      fetch,
      { authorize: `${origin}/oauth/authorize`, token: `${origin}/oauth/token`, register: `${origin}/oauth/register` },
      alice,
      { resource: `${origin}/mcp/files`, scope: 'files:write' },
    )
    const opened = await initialize(fetch, `${origin}/mcp/files`, wide.access_token)
    const answer = await post(
      fetch,
      `${origin}/mcp/files`,
      wide.access_token,
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'write_thing', arguments: {} } },
      { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' },
    )
    expect(answer.status).toBe(200)
    expect(await recordsOf(answer)).toEqual(['call.intent unknown', 'call.outcome success'])
  })
})

describe('what was refused leaves one record under the request id that the caller was shown', () => {
  it.each<[string, () => Promise<Response>, number, string[]]>([
    ['no token', () => initialize(fetch, `${origin}/mcp/files`, null), 401, ['authenticate refused']],
    ['a forged token', () => initialize(fetch, `${origin}/mcp/files`, 'eyJ.not.ours'), 401, ['authenticate refused']],
    ['an unknown server', () => initialize(fetch, `${origin}/mcp/nothing`, null), 404, ['request.refused refused']],
    ['a tool beyond the scopes', () => call('write_thing'), 403, ['request.refused refused']],
    ['a tool beyond the role', () => call('delete_thing'), 403, ['request.refused refused']],
    ['a tool that nobody has', () => call('nonsense'), 200, ['request.refused refused']],
    [
      'a foreign origin',
      () => fetch(`${origin}/mcp/files`, { method: 'POST', headers: { origin: 'https://evil.example' } }),
      403,
      ['request.refused refused'],
    ],
    [
      'JSON that is none',
      () =>
        fetch(`${origin}/mcp/files`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${tokens.access_token}`,
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
          },
          body: '{"a":1,"a":2}',
        }),
      400,
      ['request.refused refused'],
    ],
    [
      'a dangerous registration',
      () =>
        fetch(`${origin}/oauth/register`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ redirect_uris: ['javascript:alert(1)'] }),
        }),
      400,
      ['client.register refused'],
    ],
    [
      'a code that nobody issued',
      () =>
        requestToken(fetch, `${origin}/oauth/token`, {
          grant_type: 'authorization_code',
          code: 'made-up',
          code_verifier: 'v'.repeat(43),
          client_id: tokens.clientId,
          redirect_uri: REDIRECT_URI,
        }),
      400,
      ['token.issue refused'],
    ],
    [
      'a refresh token that nobody issued',
      () =>
        requestToken(fetch, `${origin}/oauth/token`, {
          grant_type: 'refresh_token',
          refresh_token: 'made-up',
          client_id: tokens.clientId,
        }),
      400,
      ['token.refresh refused'],
    ],
    [
      'an authorization without PKCE',
      () =>
        fetch(
          `${origin}/oauth/authorize?${new URLSearchParams({
            client_id: tokens.clientId,
            redirect_uri: REDIRECT_URI,
            response_type: 'code',
            resource: `${origin}/mcp/files`,
          }).toString()}`,
          { redirect: 'manual' },
        ),
      303,
      ['request.refused refused'],
    ],
    ['the admin API without a token', () => fetch(`${origin}/api/v1/users`), 401, ['authenticate refused']],
    [
      'another Host',
      () => raw(`GET /mcp/files HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`),
      421,
      ['request.refused refused'],
    ],
    [
      'a path with tricks',
      () => raw(`POST /mcp/files/../notes HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nConnection: close\r\n\r\n`),
      400,
      ['request.refused refused'],
    ],
    [
      'a method that is not taken',
      () => fetch(`${origin}/mcp/files`, { method: 'PUT' }),
      405,
      ['request.refused refused'],
    ],
  ])('%s', async (_title, attempt, status, expected) => {
    const before = upstream.of('tools/call').length
    const response = await attempt()
    expect(response.status).toBe(status)
    expect(await recordsOf(response)).toEqual(expected)
    expect(upstream.of('tools/call')).toHaveLength(before)
  })

  it('a wrong password', async () => {
    const clientId = await registerClient(fetch, `${origin}/oauth/register`)
    const wrong = { username: 'alice', password: 'not the password at all' }
    await authorizeClient(fetch, `${origin}/oauth/authorize`, clientId, wrong, {
      resource: `${origin}/mcp/files`,
    }).catch(() => undefined)
    const [last] = await world.log('&activity=login')
    expect(last).toMatchObject({ outcome: 'refused', requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
  })

  it('bytes that are no HTTP', async () => {
    await raw('POST /mcp/files HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
    await eventually(async () =>
      expect(await world.log('&reason=httpMalformed')).toMatchObject([
        { activity: 'request.refused', outcome: 'refused' },
      ]),
    )
  })
})

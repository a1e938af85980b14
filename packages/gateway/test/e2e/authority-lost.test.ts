import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizeAsPerson } from './support/authorize.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'

const REDIRECT = 'http://127.0.0.1:53682/callback'

let gateway: RunningGateway
beforeAll(async () => {
  gateway = await startGateway()
})
afterAll(() => gateway.dispose())

/** A code for everything that the role of `name` allows at `notes`, not yet redeemed. */
async function consented(name: string) {
  const person = await gateway.addUser(name)
  const registered = await fetch(`${gateway.origin}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: name,
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    }),
  })
  const { client_id } = (await registered.json()) as { client_id: string }
  const code_verifier = randomBytes(32).toString('base64url')
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: REDIRECT,
    scope: 'notes:read notes:write',
    code_challenge: createHash('sha256').update(code_verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource: `${gateway.origin}/mcp/notes`,
  })
  const callback = await authorizeAsPerson(`${gateway.origin}/oauth/authorize?${parameters.toString()}`, person)
  const code = callback.searchParams.get('code') ?? ''
  return {
    client_id,
    form: { grant_type: 'authorization_code', code, code_verifier, redirect_uri: REDIRECT, client_id },
  }
}

async function redeem(form: Record<string, string>) {
  const answer = await fetch(`${gateway.origin}/oauth/token`, { method: 'POST', body: new URLSearchParams(form) })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

function send(token: unknown, message: object, session?: string): Promise<Response> {
  return fetch(`${gateway.origin}/mcp/notes`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${String(token)}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })
}

/** Opens a session, then reads: answers the status of the reading, or of the opening if that is refused already. */
async function read(token: unknown): Promise<number> {
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
  const opened = await send(token, { id: 1, method: 'initialize', params })
  if (!opened.ok) return opened.status
  const session = opened.headers.get('mcp-session-id') ?? ''
  await send(token, { method: 'notifications/initialized' }, session)
  return (await send(token, { id: 2, method: 'resources/list' }, session)).status
}

describe('authority lost between consent and token', () => {
  it('of the role: the token that comes of it reads nothing', async () => {
    const { form } = await consented('rosa')
    await gateway.cli('user', 'roles', 'rosa', 'auditor')
    const { body } = await redeem(form)
    expect(await read(body['access_token'])).toBe(403)
    // It was the role, and nothing else, that was missing.
    await gateway.cli('user', 'roles', 'rosa', 'user')
    expect(await read(body['access_token'])).toBe(200)
  })

  it('of the account: there is no token', async () => {
    const { form } = await consented('dora')
    await gateway.cli('user', 'disable', 'dora')
    expect(await redeem(form)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  it('of the client: there is no token', async () => {
    const { form, client_id } = await consented('cora')
    await gateway.cli('client', 'remove', client_id)
    expect(await redeem(form)).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })
})

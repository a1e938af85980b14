import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { asServerId, DEFAULT_TENANT } from '#core/ids.ts'
import type { SenderPolicy } from '#core/snapshot.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  CLIENT,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { type DpopKey, dpopKey } from '../support/dpop-key.ts'
import { type Answer, postForm } from '../support/oauth-browser.ts'
import { NO_SENDER_RULES } from '../support/sender-rules.ts'
import { REDIRECT } from '../support/test-registry.ts'

/** Whoever saw a code, a refresh token or a whole token request, but does not have the client's key (RFC 9449 §5, §10, §11). */

let server: AuthorizationServerUnderTest
let key: DpopKey
let nonce: string
let tokenUrl: string
beforeAll(async () => {
  server = await startAuthorizationServer()
  server.registry.add('confidential', {}, { secret: 'a secret' })
  key = await dpopKey()
  tokenUrl = `${server.url}/oauth/token`
})
afterAll(() => server.close())
beforeEach(async () => {
  server.setSnapshot({ senders: NO_SENDER_RULES })
  const answer = await ask({ code: 'none', ...CODE_FIELDS }, await key.proof({ htu: tokenUrl }))
  expect([answer.status, bodyOf(answer)['error']]).toEqual([400, 'use_dpop_nonce'])
  nonce = String(answer.headers['dpop-nonce'])
  server.events.length = 0
})

const CODE_FIELDS = {
  grant_type: 'authorization_code',
  redirect_uri: REDIRECT,
  client_id: CLIENT,
  code_verifier: 'v'.repeat(43),
}
const bodyOf = ({ text }: Answer) => JSON.parse(text) as Record<string, unknown>
const proofOf = (claims: Record<string, unknown> = {}, by = key, header: Record<string, unknown> = {}) =>
  by.proof({ htu: tokenUrl, nonce, ...claims }, header)
const ask = (
  fields: Record<string, string>,
  proof: string | string[] | null,
  headers: Record<string, string> = {},
): Promise<Answer> => postForm(tokenUrl, fields, { ...headers, ...(proof === null ? {} : { dpop: proof }) })

async function codeFields(change: Record<string, string | null> = {}): Promise<Record<string, string>> {
  const { code, verifier } = await authorize(server, { change })
  return { ...CODE_FIELDS, code, code_verifier: verifier }
}

async function refreshToken(): Promise<string> {
  const answer = await ask(await codeFields(), await proofOf())
  expect(answer.status).toBe(200)
  server.events.length = 0
  return String(bodyOf(answer)['refresh_token'])
}
const refreshFields = (token: string) => ({ grant_type: 'refresh_token', refresh_token: token, client_id: CLIENT })

async function expectRefused(answer: Answer, status: number, error: string, reason: string): Promise<void> {
  expect([answer.status, bodyOf(answer)['error']]).toEqual([status, error])
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(bodyOf(answer)['access_token']).toBeUndefined()
  expect(server.events.map((event) => [event.outcome, event.reason])).toEqual([['refused', reason]])
}
const liveGrants = async () => {
  const { items } = await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 100 })
  return items.filter(({ revokedAt }) => revokedAt === null).length
}

describe('an honest client', () => {
  it('gets tokens bound to its key, for a code and for a refresh token', async () => {
    const first = await ask(await codeFields(), await proofOf())
    const second = await ask(refreshFields(String(bodyOf(first)['refresh_token'])), await proofOf())
    for (const answer of [first, second]) {
      expect(bodyOf(answer)).toMatchObject({ token_type: 'DPoP' })
      expect(decodeJwt(String(bodyOf(answer)['access_token']))['cnf']).toEqual({ jkt: key.jkt })
    }
    const issued = server.events.filter(({ activity }) => activity.startsWith('token.'))
    expect(issued.map(({ detail }) => detail)).toMatchObject([{ boundToKey: key.jkt }, { boundToKey: key.jkt }])
  })

  it('gets a bearer token without a proof, where no rule asks for one', async () => {
    const answer = await ask(await codeFields(), null)
    expect(bodyOf(answer)['token_type']).toBe('Bearer')
    expect(decodeJwt(String(bodyOf(answer)['access_token']))['cnf']).toBeUndefined()
  })

  it('may say beforehand which key it will use (RFC 9449 §10)', async () => {
    expect((await ask(await codeFields({ dpop_jkt: key.jkt }), await proofOf())).status).toBe(200)
  })
})

describe('a stolen code', () => {
  it('bound to a key is worth nothing with another or without one, and is not used up by trying', async () => {
    const fields = await codeFields({ dpop_jkt: key.jkt })
    const thief = await dpopKey()
    server.events.length = 0
    await expectRefused(await ask(fields, await proofOf({}, thief)), 400, 'invalid_grant', 'proofKeyMismatch')
    server.events.length = 0
    await expectRefused(await ask(fields, null), 400, 'invalid_grant', 'proofMissing')
    expect((await ask(fields, await proofOf())).status).toBe(200)
  })

  it('bound to something that is no thumbprint is redeemed by nobody', async () => {
    for (const jkt of ['x', 'A'.repeat(500)]) {
      const answer = await ask(await codeFields({ dpop_jkt: jkt }), await proofOf())
      expect([answer.status, bodyOf(answer)['error']]).toEqual([400, 'invalid_grant'])
    }
  })
})

describe('a stolen refresh token of a public client', () => {
  it('is worth nothing with another key or without one (RFC 9449 §5), and its family lives on', async () => {
    const token = await refreshToken()
    const live = await liveGrants()
    const thief = await dpopKey()
    const swapped = await ask(refreshFields(token), await proofOf({}, thief))
    await expectRefused(swapped, 400, 'invalid_grant', 'proofKeyMismatch')
    server.events.length = 0
    await expectRefused(await ask(refreshFields(token), null), 400, 'invalid_grant', 'proofKeyMismatch')
    expect(await liveGrants()).toBe(live)
    expect((await ask(refreshFields(token), await proofOf())).status).toBe(200)
  })

  it('a confidential client may change its key: it is bound by its own authentication', async () => {
    const basic = { authorization: `Basic ${Buffer.from('confidential:a%20secret').toString('base64')}` }
    const { client_id: _, ...fields } = await codeFields({ client_id: 'confidential' })
    const first = await ask(fields, await proofOf(), basic)
    const token = String(bodyOf(first)['refresh_token'])
    const next = await dpopKey()
    const second = await ask({ grant_type: 'refresh_token', refresh_token: token }, await proofOf({}, next), basic)
    expect(decodeJwt(String(bodyOf(second)['access_token']))['cnf']).toEqual({ jkt: next.jkt })
  })
})

describe('a proof that was seen on the wire', () => {
  it('is refused a second time, and a good token is not thrown away for it', async () => {
    const token = await refreshToken()
    const proof = await proofOf()
    const first = await ask(refreshFields(token), proof)
    const next = String(bodyOf(first)['refresh_token'])
    server.events.length = 0
    await expectRefused(await ask(refreshFields(next), proof), 400, 'invalid_dpop_proof', 'proofReplayed')
    expect((await ask(refreshFields(next), await proofOf())).status).toBe(200)
  })

  it('used by eight at once for eight codes works for one of them', async () => {
    const fields = await Promise.all(Array.from({ length: 8 }, () => codeFields()))
    const proof = await proofOf()
    server.events.length = 0
    const answers = await Promise.all(fields.map((one) => ask(one, proof)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const lost = answers.filter(({ status }) => status !== 200)
    expect(lost.map((answer) => [answer.status, bodyOf(answer)['error']])).toEqual(
      Array.from({ length: 7 }, () => [400, 'invalid_dpop_proof']),
    )
    expect(server.events.filter(({ reason }) => reason === 'proofReplayed')).toHaveLength(7)
    // What was not redeemed is not used up.
    const left = fields.filter((_, index) => answers[index]?.status !== 200)
    for (const one of left) expect((await ask(one, await proofOf())).status).toBe(200)
  })

  it('is used up by a refused request too', async () => {
    const proof = await proofOf()
    const token = await refreshToken()
    const thiefs = await dpopKey()
    const stolen = await proofOf({}, thiefs)
    expect((await ask(refreshFields(token), stolen)).status).toBe(400)
    server.events.length = 0
    await expectRefused(await ask(refreshFields(token), stolen), 400, 'invalid_dpop_proof', 'proofReplayed')
    expect((await ask(refreshFields(token), proof)).status).toBe(200)
  })
})

describe('proofs that are about something else', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ['another method', { htm: 'GET' }, 'invalid_dpop_proof', 'proofForOtherMethod'],
    ['another endpoint', { htu: 'https://elsewhere.example/oauth/token' }, 'invalid_dpop_proof', 'proofForOtherUrl'],
    [
      'long ago, with a good nonce',
      { iat: Math.floor(Date.now() / 1000) - 400 },
      'invalid_dpop_proof',
      'proofNotRecent',
    ],
    ['later', { iat: Math.floor(Date.now() / 1000) + 400 }, 'invalid_dpop_proof', 'proofNotRecent'],
    ['another nonce', { nonce: 'A'.repeat(43) }, 'use_dpop_nonce', 'proofNonceStale'],
  ])('%s', async (_, claims, error, reason) => {
    const fields = await codeFields()
    server.events.length = 0
    const answer = await ask(fields, await proofOf(claims))
    await expectRefused(answer, 400, error, reason)
    if (error === 'use_dpop_nonce') expect(answer.headers['dpop-nonce']).toBe(nonce)
    expect((await ask(fields, await proofOf())).status).toBe(200)
  })

  it('the target is P, whatever Host and forwarding headers say', async () => {
    const fields = await codeFields()
    const htu = 'https://evil.example/oauth/token'
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }
    server.events.length = 0
    await expectRefused(
      await ask(fields, await proofOf({ htu }), headers),
      400,
      'invalid_dpop_proof',
      'proofForOtherUrl',
    )
    expect((await ask(fields, await proofOf(), headers)).status).toBe(200)
  })
})

describe('malformed proofs: the RFC’s error, nothing stored, nothing minted', () => {
  it.each<[string, () => Promise<string | string[]> | string | string[], string]>([
    ['no proof', () => 'x', 'proofNotCompact'],
    ['two proofs', async () => [await proofOf(), await proofOf()], 'proofTwice'],
    ['two proofs in one header', async () => `${await proofOf()}, ${await proofOf()}`, 'proofNotCompact'],
    ['a huge proof', () => proofOf({ padding: 'x'.repeat(4_000) }), 'proofTooLong'],
    ['no key', () => proofOf({}, key, { jwk: undefined }), 'proofKeyMissing'],
    ['no jti', () => proofOf({ jti: undefined }), 'proofClaimMissing'],
    ['another type', () => proofOf({}, key, { typ: 'JWT' }), 'proofTypeWrong'],
  ])('%s', async (_, make, reason) => {
    const fields = await codeFields()
    const proof = await make()
    server.events.length = 0
    await expectRefused(await ask(fields, proof), 400, 'invalid_dpop_proof', reason)
    expect((await ask(fields, await proofOf())).status).toBe(200)
  })

  it('a proof signed by another key than it names', async () => {
    const fields = await codeFields()
    const thief = await dpopKey()
    server.events.length = 0
    const forged = await proofOf({}, thief, { jwk: key.jwk })
    await expectRefused(await ask(fields, forged), 400, 'invalid_dpop_proof', 'proofSignatureInvalid')
  })
})

describe('where a rule wants tokens bound', () => {
  const RULES: [string, Partial<SenderPolicy>][] = [
    ['everywhere', { everywhere: 'dpop' }],
    ['at this server', { servers: new Map([[asServerId('files'), 'dpop']]) }],
    ['for this tier', { tiers: new Map([['low', 'dpop']]) }],
    ['for this client', { clients: new Map([[CLIENT, 'dpop']]) }],
  ]
  it.each(RULES)('%s: no token without a proof, and the code is not used up', async (_, rules) => {
    const fields = await codeFields()
    const token = await refreshToken()
    server.setSnapshot({ senders: { ...NO_SENDER_RULES, ...rules } })
    await expectRefused(await ask(fields, null), 400, 'invalid_request', 'dpopRequired')
    expect(bodyOf(await ask(fields, await proofOf()))['token_type']).toBe('DPoP')
    expect(bodyOf(await ask(refreshFields(token), await proofOf()))['token_type']).toBe('DPoP')
  })

  it('a key is not a certificate', async () => {
    const fields = await codeFields()
    server.setSnapshot({ senders: { ...NO_SENDER_RULES, everywhere: 'mtls' } })
    server.events.length = 0
    await expectRefused(await ask(fields, await proofOf()), 400, 'invalid_request', 'mtlsRequired')
    server.setSnapshot({ senders: { ...NO_SENDER_RULES, everywhere: 'any' } })
    expect((await ask(fields, await proofOf())).status).toBe(200)
  })

  it('nonces may be optional', async () => {
    server.setSnapshot({ senders: { ...NO_SENDER_RULES, requiresNonce: false } })
    expect((await ask(await codeFields(), await key.proof({ htu: tokenUrl }))).status).toBe(200)
  })
})

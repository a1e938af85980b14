import { exportJWK } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { asServerId } from '#core/ids.ts'
import { type DpopKey, dpopKey, tokenHash } from '../support/dpop-key.ts'
import { type Answer, type FrontDoor, INITIALIZE, startFrontDoor } from '../support/front-door.ts'
import { NO_SENDER_RULES } from '../support/sender-rules.ts'

/** Somebody has an access token that is bound to a key, and whatever else crossed the wire with it, but not the key (RFC 9449). */

let door: FrontDoor
let key: DpopKey
let token: string
beforeAll(async () => {
  door = await startFrontDoor()
  key = await dpopKey()
})
afterAll(() => door.close())
beforeEach(async () => {
  token = await door.mint.mint({ cnf: { jkt: key.jkt } })
  door.upstreamSaw.length = 0
  door.records.length = 0
})
afterEach(() => {
  expect(door.failures).toEqual([])
})

const now = () => door.clock.nowSeconds()
const show = (proof: string | null, shown = token, server?: string): Promise<Answer> =>
  door.post({
    ...(server === undefined ? {} : { server }),
    headers: { authorization: `DPoP ${shown}`, ...(proof === null ? {} : { dpop: proof }) },
  })
const proofOf = (
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  by: DpopKey = key,
): Promise<string> => by.proof({ htu: door.url(), token, nonce, iat: now(), ...claims }, header)
const ALGS = 'algs="ES256 EdDSA Ed25519"'

/** The nonce of the moment, as an honest client learns it: from the refusal of a proof without one. */
let nonce: string
beforeEach(async () => {
  nonce = ''
  const answer = await show(await key.proof({ htu: door.url(), token, iat: now() }))
  nonce = answer.headers.get('dpop-nonce') ?? ''
  expect([answer.status, nonce]).toEqual([401, expect.stringMatching(/^[\w-]{43}$/)])
  expect(answer.challenge).toContain('DPoP ')
  expect(answer.challenge).toContain('error="use_dpop_nonce"')
  expect(door.upstreamSaw).toEqual([])
  door.records.length = 0
})

async function expectRefused(answer: Answer, error: string, reason: string): Promise<void> {
  expect(answer.status).toBe(401)
  expect(answer.challenge).toBe(
    `DPoP realm="${door.url()}", error="${error}", error_description="${DESCRIPTIONS[error]}", ` +
      `resource_metadata="${door.origin}/.well-known/oauth-protected-resource/mcp/files", scope="files:read", ${ALGS}`,
  )
  expect(door.upstreamSaw).toEqual([])
  expect(door.records.map((record) => [record.outcome, record.reason])).toEqual([['refused', reason]])
  expect(JSON.stringify([answer.text, answer.challenge, door.records])).not.toContain(token.slice(0, 40))
}

const DESCRIPTIONS: Record<string, string> = {
  invalid_token: 'The access token works only together with the key or certificate that it is bound to',
  invalid_dpop_proof: 'The DPoP proof is missing or not valid for this request',
  use_dpop_nonce: 'Make the DPoP proof again, with the nonce of this answer',
}

it('the door is open: whoever has the key gets through, without a newer nonce to learn', async () => {
  const answer = await show(await proofOf())
  expect(door.upstreamSaw).toHaveLength(1)
  expect(answer.headers.get('dpop-nonce')).toBeNull()
  expect(door.records.map(({ activity, outcome, reason }) => [activity, outcome, reason])).toContainEqual([
    'authenticate',
    'success',
    undefined,
  ])
})

it('nothing of proof or token reaches the server behind', async () => {
  const proof = await proofOf()
  await show(proof)
  const seen = door.upstreamSaw.join('\n')
  expect(seen).not.toContain(proof.slice(0, 60))
  expect(seen).not.toContain(token.slice(0, 60))
  expect(seen.toLowerCase()).not.toContain('dpop')
})

describe('without the key', () => {
  it('the token is refused as a bearer token, with and without a proof beside it (RFC 9449 §7.2)', async () => {
    const reason = 'senderUnproven: boundTokenAsBearer'
    await expectRefused(await door.post({ token }), 'invalid_token', reason)
    door.records.length = 0
    const recorded = await proofOf()
    await expectRefused(await door.post({ token, headers: { dpop: recorded } }), 'invalid_token', reason)
  })

  it('the token is refused without a proof', async () => {
    await expectRefused(await show(null), 'invalid_dpop_proof', 'proofInvalid: proofMissing')
  })

  it('a proof of the thief’s own key is refused, before its signature is looked at', async () => {
    const thief = await dpopKey()
    await expectRefused(
      await show(await proofOf({}, {}, thief)),
      'invalid_dpop_proof',
      'proofInvalid: proofKeyMismatch',
    )
  })

  it('a proof that names the victim’s key and is signed by another is refused', async () => {
    const thief = await dpopKey()
    await expectRefused(
      await show(await proofOf({}, { jwk: key.jwk }, thief)),
      'invalid_dpop_proof',
      'proofInvalid: proofSignatureInvalid',
    )
  })

  it('a bearer token of the same person is refused when it claims to be bound', async () => {
    const bearer = await door.mint.mint()
    await expectRefused(
      await show(await proofOf({ ath: tokenHash(bearer) }), bearer),
      'invalid_token',
      'senderUnproven: bearerTokenAsDpop',
    )
  })

  it('a token that is bound in a way that nobody here can check is refused', async () => {
    for (const cnf of [
      {},
      { jwk: key.jwk },
      { jkt: key.jkt, kid: 'x' },
      { jkt: 'short' },
      { jkt: [key.jkt] },
      'x',
      [],
    ]) {
      const strange = await door.mint.mint({ cnf })
      const answer = await show(await proofOf({ ath: tokenHash(strange) }), strange)
      expect([answer.status, answer.challenge?.includes('invalid_token')]).toEqual([401, true])
    }
    expect(door.upstreamSaw).toEqual([])
  })
})

describe('a proof that crossed the wire', () => {
  it('works once (RFC 9449 §11.1)', async () => {
    const proof = await proofOf()
    await show(proof)
    expect(door.upstreamSaw).toHaveLength(1)
    door.upstreamSaw.length = 0
    door.records.length = 0
    await expectRefused(await show(proof), 'invalid_dpop_proof', 'proofInvalid: proofReplayed')
  })

  it('works for one of eight who show it at once', async () => {
    const proof = await proofOf()
    const answers = await Promise.all(Array.from({ length: 8 }, () => show(proof)))
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(7)
    expect(door.upstreamSaw).toHaveLength(1)
  })

  it('is remembered until its age refuses it, and forgotten after that', async () => {
    door.setSnapshot({ senders: { ...NO_SENDER_RULES, requiresNonce: false } })
    try {
      const proof = await key.proof({ htu: door.url(), token, iat: now() })
      await show(proof)
      door.upstreamSaw.length = 0
      // To the last second in which its age would let it in.
      door.clock.advanceMs(300_000)
      await door.store.usedProofs.collectExpired(now(), 100)
      door.records.length = 0
      await expectRefused(await show(proof), 'invalid_dpop_proof', 'proofInvalid: proofReplayed')
      door.clock.advanceMs(1_000)
      door.records.length = 0
      await expectRefused(await show(proof), 'invalid_dpop_proof', 'proofInvalid: proofTooOld')
      door.clock.advanceMs(1_000)
      expect(await door.store.usedProofs.collectExpired(now(), 100)).toBeGreaterThan(0)
    } finally {
      door.setSnapshot({ senders: NO_SENDER_RULES })
    }
  })

  it.each<[string, () => Record<string, unknown>, string]>([
    ['another method', () => ({ htm: 'GET' }), 'proofForOtherMethod'],
    ['the method in another case', () => ({ htm: 'post' }), 'proofForOtherMethod'],
    ['another server', () => ({ htu: door.url('notes') }), 'proofForOtherUrl'],
    ['another origin', () => ({ htu: 'https://elsewhere.example/mcp/files' }), 'proofForOtherUrl'],
    ['another scheme', () => ({ htu: door.url().replace('http:', 'https:') }), 'proofForOtherUrl'],
    ['another path', () => ({ htu: `${door.url()}/` }), 'proofForOtherUrl'],
    ['a URL with a user', () => ({ htu: door.url().replace('//', '//x@') }), 'proofForOtherUrl'],
    ['no URL', () => ({ htu: 'files' }), 'proofForOtherUrl'],
    ['another token', () => ({ ath: tokenHash('another') }), 'proofForOtherToken'],
    ['no token', () => ({ ath: undefined }), 'proofForOtherToken'],
    ['long ago', () => ({ iat: now() - 301 }), 'proofTooOld'],
    ['later', () => ({ iat: now() + 301 }), 'proofFromFuture'],
  ])('of %s is refused', async (_, claims, reason) => {
    await expectRefused(await show(await proofOf(claims())), 'invalid_dpop_proof', `proofInvalid: ${reason}`)
  })

  it('may spell the URL as RFC 3986 allows, and carry query and fragment (RFC 9449 §4.3)', async () => {
    const { host } = new URL(door.url())
    for (const htu of [`HTTP://${host}/mcp/files`, `${door.url()}?x=1#y`, `http://${host}/mcp/./files`]) {
      await show(await proofOf({ htu }))
    }
    expect(door.upstreamSaw).toHaveLength(3)
  })

  it('is judged by P, whatever Host and forwarding headers say', async () => {
    const htu = 'https://evil.example/mcp/files'
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' }
    const answer = await door.post({
      headers: { authorization: `DPoP ${token}`, dpop: await proofOf({ htu }), ...headers },
    })
    await expectRefused(answer, 'invalid_dpop_proof', 'proofInvalid: proofForOtherUrl')
    await door.post({ headers: { authorization: `DPoP ${token}`, dpop: await proofOf(), ...headers } })
    expect(door.upstreamSaw).toHaveLength(1)
  })
})

describe('nonces', () => {
  const NONCE_REASON = 'proofNonceNeeded: proofNonceStale'

  it.each<[string, () => string]>([
    ['made up', () => 'abc'],
    ['of another key', () => 'A'.repeat(43)],
    ['of another spelling', () => `${nonce}=`],
    ['in upper case', () => nonce.toUpperCase()],
  ])('%s is refused, and the good one told', async (_, made) => {
    const answer = await show(await proofOf({ nonce: made() }))
    await expectRefused(answer, 'use_dpop_nonce', NONCE_REASON)
    expect(answer.headers.get('dpop-nonce')).toBe(nonce)
  })

  it('is good for three to four minutes, and a newer one is told with the answer', async () => {
    door.clock.advanceMs(180_000)
    const answer = await show(await proofOf())
    expect(door.upstreamSaw).toHaveLength(1)
    const newer = answer.headers.get('dpop-nonce')
    expect(newer).toMatch(/^[\w-]{43}$/)
    expect(newer).not.toBe(nonce)
    door.upstreamSaw.length = 0
    door.records.length = 0
    door.clock.advanceMs(60_000)
    await expectRefused(await show(await proofOf()), 'use_dpop_nonce', NONCE_REASON)
  })

  it('is told to nobody without the key', async () => {
    const thief = await dpopKey()
    for (const proof of [null, await proofOf({ nonce: undefined }, { jwk: key.jwk }, thief), 'x'])
      expect((await show(proof)).headers.get('dpop-nonce')).toBeNull()
  })
})

describe('malformed and hostile proofs', () => {
  const segments = async () => (await proofOf()).split('.') as [string, string, string]
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

  it.each<[string, () => Promise<string> | string, string]>([
    ['nothing', () => '', 'proofNotCompact'],
    ['one word', () => 'proof', 'proofNotCompact'],
    ['a token instead', () => token, 'proofTypeWrong'],
    ['type JWT', () => proofOf({}, { typ: 'JWT' }), 'proofTypeWrong'],
    ['no type', () => proofOf({}, { typ: undefined }), 'proofTypeWrong'],
    ['no key', () => proofOf({}, { jwk: undefined }), 'proofKeyMissing'],
    ['a key elsewhere', () => proofOf({}, { jku: 'https://evil.example' }), 'proofHeaderForbidden'],
    ['critical members', () => proofOf({}, { crit: ['b64'], b64: true }), 'proofHeaderForbidden'],
    ['no jti', () => proofOf({ jti: undefined }), 'proofClaimMissing'],
    ['a jti that is no text', () => proofOf({ jti: 7 }), 'proofClaimMissing'],
    ['a huge jti', () => proofOf({ jti: 'x'.repeat(257) }), 'proofClaimMissing'],
    ['no time', () => proofOf({ iat: undefined }), 'proofClaimMissing'],
    ['no method', () => proofOf({ htm: undefined }), 'proofClaimMissing'],
    ['no URL', () => proofOf({ htu: undefined }), 'proofClaimMissing'],
    ['a list of nonces', () => proofOf({ nonce: [nonce] }), 'proofClaimMalformed'],
    ['a huge proof', () => proofOf({ padding: 'x'.repeat(4_000) }), 'proofTooLong'],
  ])('%s is refused', async (_, make, reason) => {
    const proof = await make()
    // fetch drops an empty header, so that one goes as a space.
    await expectRefused(await show(proof === '' ? ' ' : proof), 'invalid_dpop_proof', `proofInvalid: ${reason}`)
  })

  it('a private key in the proof is refused: whoever sees it can sign', async () => {
    const jwk = await exportJWK(key.privateKey)
    await expectRefused(await show(await proofOf({}, { jwk })), 'invalid_dpop_proof', 'proofInvalid: proofKeyPrivate')
  })

  it.each(['none', 'HS256', 'RS256', 'PS256', 'ES384', 'ES512', 'es256', ''])(
    'algorithm "%s" is refused',
    async (alg) => {
      const [, body, signature] = await segments()
      const proof = `${encode({ typ: 'dpop+jwt', alg, jwk: key.jwk })}.${body}.${signature}`
      await expectRefused(await show(proof), 'invalid_dpop_proof', 'proofInvalid: proofAlgorithmForbidden')
    },
  )

  it('a key of another kind than the algorithm’s is refused', async () => {
    const other = await dpopKey('EdDSA')
    for (const jwk of [
      other.jwk,
      { kty: 'oct', x: key.jwk.x },
      { ...key.jwk, crv: 'P-384' },
      { ...key.jwk, y: 'AA' },
    ]) {
      door.records.length = 0
      await expectRefused(await show(await proofOf({}, { jwk })), 'invalid_dpop_proof', 'proofInvalid: proofKeyWrong')
    }
  })

  it('headers and claims that two parsers read differently are refused', async () => {
    const [head, body, signature] = await segments()
    const twice = Buffer.from(
      `{"typ":"dpop+jwt",${JSON.stringify({ alg: 'ES256', jwk: key.jwk }).slice(1, -1)},"alg":"none"}`,
    )
    for (const proof of [`${twice.toString('base64url')}.${body}.${signature}`, `${head}.${encode([])}.${signature}`]) {
      door.records.length = 0
      await expectRefused(await show(proof), 'invalid_dpop_proof', 'proofInvalid: proofNotJson')
    }
  })

  it('one proof has one spelling', async () => {
    const [head, body, signature] = await segments()
    for (const proof of [
      `${head}.${body}.${signature}==`,
      `${head}=.${body}.${signature}`,
      `${head}.${body}.${signature}.`,
    ]) {
      door.records.length = 0
      await expectRefused(await show(proof), 'invalid_dpop_proof', 'proofInvalid: proofNotCompact')
    }
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const loose = `${signature.slice(0, -1)}${last[last.indexOf(signature.at(-1) ?? '') ^ 1]}`
    door.records.length = 0
    await expectRefused(await show(`${head}.${body}.${loose}`), 'invalid_dpop_proof', 'proofInvalid: proofNotCompact')
  })

  it('two proofs are one too many, whichever is good', async () => {
    const good = await proofOf()
    const bad = await proofOf({ htm: 'GET' })
    for (const [one, two] of [
      [good, bad],
      [bad, good],
      [good, good],
    ] as const) {
      const { host } = new URL(door.origin)
      const answer = await door.raw(
        [
          'POST /mcp/files HTTP/1.1',
          `Host: ${host}`,
          `Authorization: DPoP ${token}`,
          `DPoP: ${one}`,
          `dpop: ${two}`,
          'Content-Type: application/json',
          'Accept: application/json, text/event-stream',
          `Content-Length: ${INITIALIZE.length}`,
          'Connection: close',
          '',
          INITIALIZE,
        ].join('\r\n'),
      )
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    }
    const joined = await show(`${good}, ${good}`)
    expect(joined.status).toBe(401)
    expect(door.upstreamSaw).toEqual([])
  })
})

describe('other keys of clients', () => {
  it.each(['EdDSA', 'Ed25519'])('%s proofs work, and once', async (alg) => {
    const other = await dpopKey(alg)
    const bound = await door.mint.mint({ cnf: { jkt: other.jkt } })
    const proof = await other.proof({ htu: door.url(), token: bound, nonce, iat: now() })
    await show(proof, bound)
    expect(door.upstreamSaw).toHaveLength(1)
    expect((await show(proof, bound)).status).toBe(401)
  })
})

describe('servers, tiers and clients that want tokens bound', () => {
  afterEach(() => door.setSnapshot({ senders: NO_SENDER_RULES }))

  it.each<[string, Partial<typeof NO_SENDER_RULES>]>([
    ['everywhere', { everywhere: 'dpop' }],
    ['at this server', { servers: new Map([[asServerId('files'), 'dpop']]) }],
    ['for this tier', { tiers: new Map([['standard', 'dpop']]) }],
    ['for this client', { clients: new Map([['client-1', 'dpop']]) }],
  ])('%s: a bearer token is refused', async (_, rules) => {
    door.setSnapshot({ senders: { ...NO_SENDER_RULES, ...rules } })
    const bearer = await door.mint.mint()
    const answer = await door.post({ token: bearer })
    await expectRefused(answer, 'invalid_token', 'senderUnproven: dpopRequired')
    await show(await proofOf())
    expect(door.upstreamSaw).toHaveLength(1)
  })

  it('who has no token is asked for a bound one', async () => {
    door.setSnapshot({ senders: { ...NO_SENDER_RULES, everywhere: 'dpop' } })
    const answer = await door.post()
    expect(answer.challenge).toBe(
      `DPoP realm="${door.url()}", resource_metadata="${door.origin}/.well-known/oauth-protected-resource/mcp/files", scope="files:read", ${ALGS}`,
    )
  })

  it('a rule for other servers, tiers and clients is none here', async () => {
    door.setSnapshot({
      senders: {
        ...NO_SENDER_RULES,
        everywhere: 'mtls',
        servers: new Map([
          [asServerId('files'), 'none'],
          [asServerId('notes'), 'dpop'],
        ]),
        tiers: new Map([['privileged', 'dpop']]),
        clients: new Map([['client-2', 'dpop']]),
      },
    })
    await door.post({ token: await door.mint.mint() })
    expect(door.upstreamSaw).toHaveLength(1)
  })

  it('all rules hold together', async () => {
    door.setSnapshot({ senders: { ...NO_SENDER_RULES, everywhere: 'any', clients: new Map([['client-1', 'mtls']]) } })
    const answer = await show(await proofOf())
    expect(answer.status).toBe(401)
    expect(door.records.at(-1)?.reason).toBe('senderUnproven: mtlsRequired')
    expect(door.upstreamSaw).toEqual([])
  })
})

describe('when what is needed to decide is gone', () => {
  it('a proof that cannot be marked as used is answered 503, and not let in', async () => {
    const proof = await proofOf()
    await door.store.close()
    const answer = await show(proof)
    expect([answer.status, answer.challenge]).toEqual([503, null])
    expect(door.upstreamSaw).toEqual([])
  })
})

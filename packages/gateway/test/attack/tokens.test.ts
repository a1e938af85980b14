import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FrontDoor, startFrontDoor } from '../support/front-door.ts'

let door: FrontDoor
beforeAll(async () => {
  door = await startFrontDoor()
})
afterAll(() => door.close())
beforeEach(() => {
  door.upstreamSaw.length = 0
  door.records.length = 0
})
afterEach(() => {
  expect(door.failures).toEqual([])
})

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Refused with the one challenge for bad tokens; the upstream saw nothing; one record has the reason; no text repeats the token. */
async function expectRefused(token: string, reason: string): Promise<void> {
  door.records.length = 0
  const answer = await door.post({ token })
  expect(answer.status).toBe(401)
  expect(answer.challenge).toBe(
    `Bearer realm="${door.url()}", error="invalid_token", error_description="The access token is expired, revoked or not valid here", ` +
      `resource_metadata="${door.origin}/.well-known/oauth-protected-resource/mcp/files", scope="files:read"`,
  )
  expect(door.upstreamSaw).toEqual([])
  expect(door.records.map(({ outcome, reason }) => [outcome, reason])).toEqual([['refused', `tokenInvalid: ${reason}`]])
  expect(JSON.stringify([answer.text, answer.challenge, door.records])).not.toContain(token.slice(0, 40))
}

async function claims(): Promise<Record<string, unknown>> {
  const [, payload = ''] = (await door.mint.mint()).split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
}

it('the door is open: a good token reaches the upstream', async () => {
  await door.post({ token: await door.mint.mint() })
  expect(door.upstreamSaw.length).toBeGreaterThan(0)
})

describe('a caller without a token', () => {
  it('is challenged without an error code, whatever it sends (RFC 6750 §3.1)', async () => {
    for (const body of [undefined, '', '{', '[]', '{"jsonrpc":"2.0","id":1,"method":"x"}', 'x'.repeat(100_000)]) {
      const answer = await door.post(body === undefined ? {} : { body })
      expect(answer.status).toBe(401)
      expect(answer.challenge).toBe(
        `Bearer realm="${door.url()}", resource_metadata="${door.origin}/.well-known/oauth-protected-resource/mcp/files", scope="files:read"`,
      )
    }
    expect(door.upstreamSaw).toEqual([])
  })

  it('is challenged for schemes that we do not have', async () => {
    for (const authorization of ['Basic YTpi', 'Digest x', 'Negotiate x']) {
      const answer = await door.post({ headers: { authorization } })
      expect([answer.status, answer.challenge?.includes('error=')]).toEqual([401, false])
    }
  })

  it('can follow the challenge to the metadata of this very server', async () => {
    const answer = await door.post()
    const url = /resource_metadata="([^"]+)"/.exec(answer.challenge ?? '')?.[1] ?? ''
    expect(await (await fetch(url)).json()).toMatchObject({
      resource: door.url(),
      authorization_servers: [door.origin],
    })
  })

  it('learns nothing of servers: unknown ones are 404 with and without a token', async () => {
    for (const path of ['/mcp/nope', '/mcp/%66iles', '/mcp/FILES', '/mcp/files%20']) {
      const bare = await door.post({ path })
      const armed = await door.post({ path, token: await door.mint.mint() })
      expect([bare.status, armed.status, bare.challenge]).toEqual([404, 404, null])
    }
    expect(door.upstreamSaw).toEqual([])
  })
})

describe('a malformed Authorization header', () => {
  it.each(['Bearer', 'Bearer a b', 'Bearer a,Bearer b', 'Bearer a, b', `Bearer ${'a'.repeat(9_000)}`])(
    '%# is 400 invalid_request',
    async (authorization) => {
      const answer = await door.post({ headers: { authorization } })
      expect(answer.status).toBe(400)
      expect(answer.challenge).toContain('error="invalid_request"')
      expect(door.upstreamSaw).toEqual([])
    },
  )

  it('is also one that comes with a second credential', async () => {
    const answer = await door.post({ token: await door.mint.mint(), headers: { 'x-api-key': 'k' } })
    expect(answer.status).toBe(400)
    expect(door.upstreamSaw).toEqual([])
  })
})

describe('forged tokens', () => {
  it('signed by another key under our key id', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    const token = await new SignJWT(await claims())
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' })
      .sign(privateKey)
    await expectRefused(token, 'signatureInvalid')
    // The second time from the negative cache, with the same answer.
    await expectRefused(token, 'signatureInvalid')
  })

  it('signed by another key under its own key id', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    const token = await new SignJWT(await claims())
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'mine' })
      .sign(privateKey)
    await expectRefused(token, 'keyUnknown')
  })

  it('with a changed payload under a good signature', async () => {
    const [header, , signature] = (await door.mint.mint()).split('.')
    await expectRefused(`${header}.${encode({ ...(await claims()), sub: 'root' })}.${signature}`, 'signatureInvalid')
  })

  it.each(['none', 'None', 'NONE', 'nOnE', ''])('with alg "%s" and no, short or full signature', async (alg) => {
    const head = encode({ alg, typ: 'at+jwt', kid: 'k1' })
    const body = encode(await claims())
    await expectRefused(`${head}.${body}.`, 'tokenNotCanonical')
    await expectRefused(`${head}.${body}.AAAA`, 'signatureLength')
    await expectRefused(`${head}.${body}.${'A'.repeat(86)}`, 'algorithmForbidden')
    await expectRefused(`${head}.${body}`, 'tokenNotCompact')
  })

  it('by HMAC over our public key (algorithm confusion)', async () => {
    const [jwk] = door.mint.publicJwks
    if (jwk === undefined) throw new Error('no key')
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
    for (const secret of [
      key.export({ type: 'spki', format: 'pem' }),
      key.export({ type: 'spki', format: 'der' }),
      Buffer.from(JSON.stringify(jwk)),
    ]) {
      for (const alg of ['HS256', 'ES256']) {
        const signed = `${encode({ alg, typ: 'at+jwt', kid: 'k1' })}.${encode(await claims())}`
        const mac = createHmac('sha512', secret).update(signed).digest('base64url')
        const reason = alg === 'HS256' ? 'algorithmForbidden' : 'signatureInvalid'
        await expectRefused(`${signed}.${mac}`, reason)
      }
    }
  })

  it('by another algorithm of ours that nobody published', async () => {
    const forged = async (alg: string, characters: number) =>
      `${encode({ alg, typ: 'at+jwt', kid: 'k1' })}.${encode(await claims())}.${'A'.repeat(characters)}`
    for (const alg of ['ES384', 'PS256', 'es256', 'Ed25519'])
      await expectRefused(await forged(alg, 86), 'algorithmForbidden')
    // Some servers' tokens are signed by these, with keys of their own: one of ES256 is none of them.
    await expectRefused(await forged('EdDSA', 86), 'keyUnknown')
    await expectRefused(await forged('RS256', 512), 'keyUnknown')
    await expectRefused(await forged('RS256', 86), 'signatureLength')
  })

  it('that bring their own key, address or rules in the header, good signature included', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk: JWK = await exportJWK(publicKey)
    const { publicKey: spki } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const x5c = [spki.export({ type: 'spki', format: 'der' }).toString('base64')]
    for (const member of [
      { jwk },
      { jku: `${door.origin}/jwks` },
      { x5u: 'https://attacker.example/c' },
      { x5c },
      { crit: ['b64'], b64: true },
      { x5t: 'x' },
      { zip: 'DEF' },
      { cty: 'JWT' },
    ]) {
      const header = { alg: 'ES256', typ: 'at+jwt', kid: 'k1', ...member }
      const signed = `${encode(header)}.${encode(await claims())}`
      for (const key of [privateKey, door.mint.privateKey]) {
        const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(signed))
        await expectRefused(`${signed}.${Buffer.from(signature).toString('base64url')}`, 'headerMemberForbidden')
      }
    }
  })

  it('with a header that two parsers read differently', async () => {
    const body = encode(await claims())
    const header = (text: string) => Buffer.from(text).toString('base64url')
    for (const text of [
      '{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"k1"}',
      '{"alg":"ES256","\\u0061lg":"none","typ":"at+jwt","kid":"k1"}',
      '[]',
      '"x"',
      '{',
      '\ufeff{}',
    ]) {
      await expectRefused(`${header(text)}.${body}.${'A'.repeat(86)}`, 'headerNotJson')
    }
  })
})

describe('tokens of ours in the wrong place', () => {
  it.each(['JWT', 'jwt', 'id+jwt', 'oauth-id-jag+jwt', 'dpop+jwt', 'logout+jwt', 'AT+JWT', ''])(
    'of type "%s"',
    async (typ) => {
      await expectRefused(await door.mint.mint({}, { typ }), 'typeForbidden')
    },
  )

  it('without a type or without a key id', async () => {
    await expectRefused(await door.mint.mint({}, { typ: undefined }), 'typeForbidden')
    await expectRefused(await door.mint.mint({}, { kid: undefined }), 'keyIdMissing')
  })

  it('for another server, another origin, or for everything', async () => {
    for (const aud of [door.url('notes'), `${door.url()}/`, door.origin, 'https://elsewhere.example/mcp/files', '*']) {
      // The grant is for `files`, so a foreign audience is refused even before the door is compared.
      await expectRefused(await door.mint.mint({ aud }), 'grantMismatch')
    }
    for (const aud of [[door.url()], [door.url(), door.url('notes')]]) {
      await expectRefused(await door.mint.mint({ aud }), 'audienceNotSingle')
    }
    const answer = await door.post({ token: await door.mint.mint(), server: 'notes' })
    expect(answer.status).toBe(401)
    expect(answer.challenge).toContain('/oauth-protected-resource/mcp/notes"')
    expect(door.upstreamSaw).toEqual([])
  })

  it('of a foreign issuer', async () => {
    for (const iss of ['https://attacker.example', `${door.origin}/`, door.origin.toUpperCase()]) {
      await expectRefused(await door.mint.mint({ iss }), 'issuerMismatch')
    }
  })

  it('that expired, also while they were cached', async () => {
    const now = door.clock.nowSeconds()
    await expectRefused(await door.mint.mint({ iat: now - 900, exp: now }), 'expired')
    const short = await door.mint.mint({ exp: now + 10 })
    await door.post({ token: short })
    expect(door.upstreamSaw.length).toBeGreaterThan(0)
    door.upstreamSaw.length = 0
    door.clock.advanceMs(10_000)
    await expectRefused(short, 'expired')
  })
})

describe('one token in several spellings', () => {
  it('is accepted in one only (RFC 7515 §2, RFC 4648 §3.5)', async () => {
    const token = await door.mint.mint()
    const [header = '', payload = '', signature = ''] = token.split('.')
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const loose = (segment: string, bits: number) => {
      const last = alphabet.indexOf(segment.at(-1) ?? '')
      return `${segment.slice(0, -1)}${alphabet[last ^ bits]}`
    }
    // 86 characters carry 64 bytes and four unused bits.
    for (const bits of [1, 2, 4, 8])
      await expectRefused(`${header}.${payload}.${loose(signature, bits)}`, 'tokenNotCanonical')
    for (const [index, segment] of [header, payload].entries()) {
      if (segment.length % 4 === 0) continue
      const parts = [header, payload, signature]
      parts[index] = loose(segment, 1)
      await expectRefused(parts.join('.'), 'tokenNotCanonical')
    }
    await expectRefused(`${header}.${payload}.${signature}==`, 'tokenNotCanonical')
    await expectRefused(`${header}.${payload}.${signature}A`, 'signatureLength')
    await expectRefused(`${header}.${payload}.${signature}.`, 'tokenNotCompact')
    await expectRefused(`.${header}.${payload}.${signature}`, 'tokenNotCompact')
    await expectRefused(`${header}..${signature}`, 'tokenNotCanonical')
    const plain = signature.replaceAll('-', '+').replaceAll('_', '/')
    if (plain !== signature) await expectRefused(`${header}.${payload}.${plain}`, 'tokenNotCanonical')
    await door.post({ token })
    expect(door.upstreamSaw.length).toBeGreaterThan(0)
  })
})

describe('tokens in the query', () => {
  it.each(['access_token', 'Access-Token', 'token', 'id_token', 'bearer', 'api_key', 'apiKey', 'jwt', 'authorization'])(
    'as %s are refused, beside a good header too (MCP authorization §Token Requirements)',
    async (name) => {
      const token = await door.mint.mint()
      for (const inHeader of [undefined, token]) {
        const answer = await door.post({
          path: `/mcp/files?${name}=${token}`,
          ...(inHeader === undefined ? {} : { token: inHeader }),
        })
        expect(answer.status).toBe(400)
        expect(answer.text).not.toContain(token)
      }
      expect(door.upstreamSaw).toEqual([])
      expect(JSON.stringify(door.records)).not.toContain(token)
    },
  )

  it('under any other name are recognised by their look', async () => {
    const token = await door.mint.mint()
    expect((await door.post({ path: `/mcp/files?x=${token}`, token })).status).toBe(400)
    expect(door.upstreamSaw).toEqual([])
  })
})

import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type AuthorizationServerUnderTest,
  authorize,
  startAuthorizationServer,
  token,
} from '../support/authorization-server.ts'
import { REDIRECT } from '../support/test-registry.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

describe('a client that signs instead of sending a secret (RFC 7523)', () => {
  let server: AuthorizationServerUnderTest
  let privateKey: CryptoKey
  beforeAll(async () => {
    server = await startAuthorizationServer()
    const pair = await generateKeyPair('ES256', { extractable: true })
    privateKey = pair.privateKey
    server.registry.add('signer', {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }] },
    })
    server.registry.add('elsewhere', {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: 'https://127.0.0.1:9/keys',
    })
  })
  afterAll(() => server.close())

  let serial = 0
  function assertion(change: Readonly<Record<string, unknown>> = {}, key: CryptoKey = privateKey): Promise<string> {
    serial += 1
    const now = Math.floor(Date.now() / 1000)
    const claims = { iss: 'signer', sub: 'signer', aud: server.url, jti: `jti-${serial}`, iat: now, exp: now + 60 }
    return new SignJWT({ ...claims, ...change }).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(key)
  }

  async function redeemWith(client_assertion: string) {
    const { code, verifier } = await authorize(server, { change: { client_id: 'signer' } })
    return token(server, {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: REDIRECT,
      client_assertion_type: ASSERTION_TYPE,
      client_assertion,
    })
  }

  it.each(['', '/oauth/token'])('is accepted with P%s as the audience, and no other spelling of it', async (path) => {
    expect((await redeemWith(await assertion({ aud: server.url + path }))).status).toBe(200)
    for (const aud of [`${server.url}/`, 'https://attacker.example', `http://attacker.example${path}`]) {
      expect((await redeemWith(await assertion({ aud }))).status).toBe(401)
    }
  })

  it.each<[string, Record<string, unknown>]>([
    ['expired', { exp: Math.floor(Date.now() / 1000) - 60 }],
    ['without jti', { jti: undefined }],
    ['without expiry', { exp: undefined }],
    ['of another client', { iss: 'client-1' }],
  ])('is refused when %s', async (_, change) => {
    expect(await redeemWith(await assertion(change))).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  it('is refused when somebody else signed it, and when nobody did', async () => {
    const other = await generateKeyPair('ES256')
    expect((await redeemWith(await assertion({}, other.privateKey))).status).toBe(401)
    const [, payload] = (await assertion()).split('.')
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`
    expect((await redeemWith(none)).status).toBe(401)
  })

  it('is good once, also when it comes several times at once', async () => {
    const once = await assertion()
    const answers = await Promise.all(Array.from({ length: 5 }, () => redeemWith(once)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401])
    expect((await redeemWith(once)).status).toBe(401)
    expect(server.events.map(({ reason }) => reason)).toContain('clientAssertionReplayed')
  })

  it('is used up by a request that is refused for another reason', async () => {
    const once = await assertion()
    const fields = { client_assertion_type: ASSERTION_TYPE, client_assertion: once }
    const refused = await token(server, { grant_type: 'refresh_token', refresh_token: 'unknown', ...fields })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect((await redeemWith(once)).status).toBe(401)
  })

  it('does not make us fetch keys from inside', async () => {
    const refused = await token(server, {
      grant_type: 'refresh_token',
      refresh_token: 'x',
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: await assertion({ iss: 'elsewhere', sub: 'elsewhere' }),
    })
    expect(refused.status).toBe(401)
    expect(JSON.stringify(refused.body)).not.toMatch(/127\.0\.0\.1:9|ECONN|address/)
  })
})

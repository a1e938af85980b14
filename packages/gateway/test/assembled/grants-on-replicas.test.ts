import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ScriptedBrowser } from '../e2e/support/browser.ts'
import { DevicePerson } from '../support/device-person.ts'
import { portOf, type Replicas, startReplicas } from '../support/replicas.ts'
import { fetchThrough, initialize, REDIRECT_URI, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

const IDP = 'https://idp.example'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
const BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** What is good once is good once for all gateways of a store, whichever of them is asked. */
describe('grants without a browser on two gateways and PostgreSQL', () => {
  let replicas: Replicas
  let upstream: ScriptedUpstream
  let key: CryptoKey
  let sends: readonly (typeof fetch)[]
  beforeAll(async () => {
    upstream = await startScriptedUpstream(() => false)
    const pair = await generateKeyPair('ES256', { extractable: true })
    key = pair.privateKey
    const jwks = [{ ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'ES256' }]
    const sections = {
      clients: {
        tv: { name: 'Terminal', grantTypes: [DEVICE] },
        desk: { name: 'Desk', redirectUris: [REDIRECT_URI] },
        agent: { name: 'Agent', grantTypes: [BEARER], authMethod: 'private_key_jwt', jwks, scopes: ['files:read'] },
        signer: {
          name: 'Signer',
          grantTypes: ['client_credentials'],
          authMethod: 'private_key_jwt',
          jwks,
          scopes: ['files:read'],
        },
      },
      trustedIssuers: {
        corp: {
          issuer: IDP,
          jwks,
          identityAssertions: {},
          workloads: { ci: { claims: { sub: 'ci' }, scopes: ['files:read'] } },
        },
      },
      servers: { files: { http: { url: upstream.url, network: 'loopback' } } },
    }
    // JSON is YAML.
    const yaml = Object.entries(sections).map(([name, section]) => `${name}: ${JSON.stringify(section)}\n`)
    replicas = await startReplicas(2, yaml.join(''))
    sends = replicas.all.map((gateway) => fetchThrough({ port: portOf(replicas, gateway), ca: null }))
  })
  afterAll(async () => {
    await replicas.close()
    await upstream.close()
  })

  const sendOf = (index: number) => sends[index % 2] ?? fetch
  const resource = () => `${replicas.origin}/mcp/files`
  const now = () => Math.floor(Date.now() / 1000)
  const signed = (claims: Record<string, unknown>, typ?: string) =>
    new SignJWT({ aud: replicas.origin, jti: crypto.randomUUID(), iat: now(), exp: now() + 120, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k', ...(typ === undefined ? {} : { typ }) })
      .sign(key)
  const proved = async (clientId: string) => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await signed({ iss: clientId, sub: clientId }),
  })
  const ask = async (index: number, fields: Record<string, string>) => {
    const answer = await requestToken(sendOf(index), `${replicas.origin}/oauth/token`, fields)
    return { status: answer.status, body: (await answer.json()) as Record<string, string> }
  }
  const eight = <T>(take: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: 8 }, (_, index) => take(index)))
  const good = (answers: readonly { readonly status: number }[]) =>
    answers.filter(({ status }) => status === 200).length

  it('a workload’s assertion gives one token', async () => {
    const assertion = await signed({ iss: IDP, sub: 'ci' })
    const answers = await eight((index) => ask(index, { grant_type: BEARER, assertion }))
    expect(good(answers)).toBe(1)
    expect(new Set(answers.map(({ body }) => body['error']))).toEqual(new Set([undefined, 'invalid_grant']))
  })

  it('an assertion about a person gives one token, and several at once share one grant', async () => {
    const [first] = replicas.all
    await first?.addUser('ada')
    await first?.admin('POST', '/users/ada/links', { issuer: IDP, subject: '00u1' })
    const claims = { iss: IDP, sub: '00u1', client_id: 'agent', resource: resource(), scope: 'files:read' }
    const assertion = await signed(claims, 'oauth-id-jag+jwt')
    const same = await eight(async (index) => ask(index, { grant_type: BEARER, assertion, ...(await proved('agent')) }))
    expect(good(same)).toBe(1)
    const each = await eight(async (index) =>
      ask(index, {
        grant_type: BEARER,
        assertion: await signed(claims, 'oauth-id-jag+jwt'),
        ...(await proved('agent')),
      }),
    )
    expect(good(each)).toBe(8)
    const grants = JSON.parse((await first?.admin('GET', '/grants?clientId=agent'))?.text ?? '{}') as {
      items: unknown[]
    }
    expect(grants.items).toHaveLength(1)
  })

  it('a client assertion is used once; a service’s token opens the door of either gateway', async () => {
    const proof = await proved('signer')
    const answers = await eight((index) => ask(index, { grant_type: 'client_credentials', ...proof }))
    expect(good(answers)).toBe(1)
    const token = answers.find(({ status }) => status === 200)?.body['access_token'] ?? ''
    for (const send of sends) expect((await initialize(send, resource(), token)).status).toBe(200)
  })

  it('a pushed request begins once', async () => {
    const pushed = await requestToken(sendOf(0), `${replicas.origin}/oauth/par`, {
      client_id: 'desk',
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
      resource: resource(),
    })
    const { request_uri } = (await pushed.json()) as { request_uri: string }
    const query = new URLSearchParams({ client_id: 'desk', request_uri }).toString()
    const answers = await eight((index) =>
      sendOf(index)(`${replicas.origin}/oauth/authorize?${query}`, { redirect: 'manual' }),
    )
    expect(answers.filter((answer) => answer.headers.get('location')?.startsWith('/login/') === true)).toHaveLength(1)
  })

  it('a device’s code is confirmed and redeemed once, wherever it was given', async () => {
    const begun = await requestToken(sendOf(0), `${replicas.origin}/oauth/device_authorization`, {
      client_id: 'tv',
      resource: resource(),
    })
    const { device_code, user_code, verification_uri } = (await begun.json()) as Record<string, string>
    const bob = await replicas.all[1]?.addUser('bob')
    if (bob === undefined) throw new Error('no second gateway')
    const people = await Promise.all(
      [0, 1].map(async (index) => {
        const browser = new ScriptedBrowser(replicas.origin, sendOf(index))
        return (await DevicePerson.at(verification_uri ?? '', browser)).enter(user_code ?? '')
      }),
    )
    await Promise.all(people.map((person) => person.press('confirm')))
    const [person, ...others] = people.filter((one) => one.page.url.includes('/login/'))
    expect(others).toEqual([])
    await (await person?.logIn(bob))?.press('allow')
    expect(person?.text).toContain('Your device is connected')
    const fields = { grant_type: DEVICE, device_code: device_code ?? '', client_id: 'tv' }
    const answers = await eight((index) => ask(index, fields))
    expect(good(answers)).toBe(1)
  })
})

import {
  Client,
  ClientCredentialsProvider,
  CrossAppAccessProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'

const SECRET = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00'
const IDP = 'https://idp.example'

/** The official SDK's providers for what has no browser, unmodified. */
describe('SDK v2 client without a person at a browser', () => {
  let gateway: RunningGateway
  let privateKey: CryptoKey
  let privateJwk: JWK
  beforeAll(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true })
    privateKey = pair.privateKey
    privateJwk = { ...(await exportJWK(pair.privateKey)), kid: 'k', alg: 'ES256' }
    const jwks = [{ ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'ES256' }]
    const scopes = ['everything:read']
    const secret = '${file:secret}'
    const bearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    const sections = {
      clients: {
        basic: { name: 'Basic', grantTypes: ['client_credentials'], authMethod: 'client_secret_basic', secret, scopes },
        signer: { name: 'Signer', grantTypes: ['client_credentials'], authMethod: 'private_key_jwt', jwks, scopes },
        desk: { name: 'Desk', grantTypes: [bearer], authMethod: 'client_secret_basic', secret, scopes },
      },
      trustedIssuers: { corp: { issuer: IDP, jwks, identityAssertions: {} } },
    }
    // JSON is YAML.
    const extraYaml = Object.entries(sections)
      .map(([name, section]) => `${name}: ${JSON.stringify(section)}\n`)
      .join('')
    gateway = await startGateway({ extraYaml, files: { secret: SECRET } })
    await gateway.addUser('ada')
    await gateway.cli('user', 'link', 'ada', '--issuer', IDP, '--subject', '00u1')
  })
  afterAll(() => gateway.dispose())

  async function echo(authProvider: unknown): Promise<string> {
    const client = new Client({ name: 'sdk-v2', version: '1.0.0' })
    const url = new URL(`${gateway.origin}/mcp/everything`)
    await client.connect(new StreamableHTTPClientTransport(url, { authProvider: authProvider as never }))
    const result = await client.callTool({ name: 'echo', arguments: { message: 'no browser' } })
    await client.close()
    return JSON.stringify(result)
  }

  it('gets in by its secret', async () => {
    const expectedIssuer = gateway.origin
    expect(
      await echo(new ClientCredentialsProvider({ clientId: 'basic', clientSecret: SECRET, expectedIssuer })),
    ).toContain('no browser')
  })

  it('gets in by its signature', async () => {
    const provider = new PrivateKeyJwtProvider({
      clientId: 'signer',
      privateKey: { ...privateJwk },
      algorithm: 'ES256',
      expectedIssuer: gateway.origin,
    })
    expect(await echo(provider)).toContain('no browser')
  })

  it('gets in by an ID-JAG of the company’s identity provider, made for what the gateway’s metadata says', async () => {
    const provider = new CrossAppAccessProvider({
      clientId: 'desk',
      clientSecret: SECRET,
      expectedIssuer: gateway.origin,
      assertion: ({ authorizationServerUrl, resourceUrl, scope }) =>
        new SignJWT({ client_id: 'desk', resource: resourceUrl, ...(scope === undefined ? {} : { scope }) })
          .setProtectedHeader({ alg: 'ES256', kid: 'k', typ: 'oauth-id-jag+jwt' })
          .setIssuer(IDP)
          .setSubject('00u1')
          .setAudience(authorizationServerUrl)
          .setJti(crypto.randomUUID())
          .setIssuedAt()
          .setExpirationTime('5 minutes')
          .sign(privateKey),
    })
    expect(await echo(provider)).toContain('no browser')
    expect(await gateway.cli('log', 'show', '--client', 'desk')).toContain('token.issue')
  })
})

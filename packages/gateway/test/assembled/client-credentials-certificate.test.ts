import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../e2e/support/gateway.ts'
import { rootCertificate, type TestCertificate } from '../support/certificates.ts'
import { fetchThrough, initialize } from '../support/scripted-client.ts'
import { selfSignedCertificate } from '../support/self-signed.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

const P = 'https://mcp.example.com'
const M = 'https://mtls.example.com'
const SPIFFE = 'spiffe://example/billing'
const authority = rootCertificate()
const stranger = rootCertificate()
const ours = authority.issue({ commonName: 'billing', uris: [SPIFFE] })
const another = authority.issue({ commonName: 'other', uris: ['spiffe://example/other'] })
const unknown = stranger.issue({ commonName: 'billing', uris: [SPIFFE] })

/** The library says of a body that is not there that it is undefined. */
const lenient = (send: typeof fetch) => (url: string, init: object) => send(url, init)

describe('a service of the configuration that shows a certificate (RFC 8705 §2.1)', () => {
  let gateway: WholeGateway
  let upstream: ScriptedUpstream
  let server: oauth.AuthorizationServer
  let through: (certificate: TestCertificate | null) => typeof fetch
  beforeAll(async () => {
    const tls = selfSignedCertificate(['mcp.example.com', 'mtls.example.com'])
    const second = await freePort()
    upstream = await startScriptedUpstream(() => false)
    gateway = await startWholeGateway(
      (port) =>
        JSON.stringify({
          version: 1,
          gateway: {
            publicUrl: P,
            listen: { port },
            tls: { certificateFile: 'cert.pem', privateKeyFile: 'key.pem' },
            mutualTls: { publicUrl: M, listen: { port: second }, authorityFile: 'clients.pem' },
          },
          clients: {
            billing: {
              name: 'Billing',
              grantTypes: ['client_credentials'],
              authMethod: 'tls_client_auth',
              certificate: { sanUri: SPIFFE },
              scopes: ['notes:read'],
            },
          },
          servers: { notes: { http: { url: upstream.url, network: 'loopback' } } },
        }),
      { files: { 'cert.pem': tls.cert, 'key.pem': tls.key, 'clients.pem': authority.cert } },
    )
    const plain = fetchThrough({ port: gateway.port, ca: tls.cert })
    through = (certificate) =>
      fetchThrough({ port: second, ca: tls.cert, ...(certificate === null ? {} : { certificate }) })
    const answer = await oauth.discoveryRequest(new URL(P), {
      algorithm: 'oauth2',
      [oauth.customFetch]: lenient(plain),
    })
    server = await oauth.processDiscoveryResponse(new URL(P), answer)
  })
  afterAll(async () => {
    await gateway.close()
    await upstream.close()
  })

  async function ask(certificate: TestCertificate | null) {
    const client = { client_id: 'billing', use_mtls_endpoint_aliases: true }
    const answer = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      oauth.TlsClientAuth(),
      { resource: `${P}/mcp/notes` },
      { [oauth.customFetch]: lenient(through(certificate)) },
    )
    return oauth.processClientCredentialsResponse(server, client, answer)
  }

  it('gets tokens that are good with that certificate alone', async () => {
    expect(server.token_endpoint_auth_methods_supported).toContain('tls_client_auth')
    const { access_token: token } = await ask(ours)
    expect(decodeJwt(token)).toMatchObject({ client_id: 'billing', cnf: { 'x5t#S256': expect.any(String) } })
    expect((await initialize(through(ours), `${M}/mcp/notes`, token)).status).toBe(200)
    expect((await initialize(through(another), `${M}/mcp/notes`, token)).status).toBe(401)
    expect((await initialize(through(null), `${M}/mcp/notes`, token)).status).toBe(401)
  })

  it.each([
    ['another name of the same authority', another],
    ['the same name of another authority', unknown],
    ['no certificate', null],
  ])('gets nothing with %s', async (_, certificate) => {
    await expect(ask(certificate)).rejects.toMatchObject({ error: 'invalid_client', status: 401 })
  })
})

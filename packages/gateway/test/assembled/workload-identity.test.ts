import { createServer } from 'node:http'
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import { expect, it } from 'vitest'
import { INSECURE, startGrantsGateway } from '../support/grants-gateway.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

it('a workload without registration or secret gets tokens by the word of its platform (RFC 7523)', async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'platform', alg: 'RS256', use: 'sig' }
  const platform = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/jwk-set+json' })
    response.end(JSON.stringify({ keys: [jwk] }))
  })
  await new Promise<void>((resolve) => platform.listen(0, '127.0.0.1', resolve))
  const address = platform.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const world = await startGrantsGateway(() => ({
    trustedIssuers: {
      cluster: {
        issuer: 'https://cluster.example',
        jwksUri: `http://127.0.0.1:${port}/keys`,
        network: 'loopback',
        workloads: {
          agent: { claims: { sub: 'system:serviceaccount:agents:one' }, scopes: ['notes:read'], repeatable: true },
        },
      },
    },
  }))
  try {
    const server = await world.discover()
    expect(server.grant_types_supported).toContain(GRANT)
    const now = Math.floor(Date.now() / 1000)
    const assertion = await new SignJWT({
      iss: 'https://cluster.example',
      sub: 'system:serviceaccount:agents:one',
      aud: [server.token_endpoint ?? ''],
      iat: now,
      exp: now + 3_600,
    })
      .setProtectedHeader({ alg: 'RS256', kid: 'platform' })
      .sign(privateKey)
    // RFC 7521 §4.2: the assertion is all that there is of a client.
    const nobody: oauth.ClientAuth = () => undefined
    const client = { client_id: 'unused' }
    const ask = async () =>
      oauth.processGenericTokenEndpointResponse(
        server,
        client,
        await oauth.genericTokenEndpointRequest(server, client, nobody, GRANT, { assertion }, INSECURE),
      )
    const answers = [await ask(), await ask()]
    for (const answer of answers) {
      expect(answer).toMatchObject({ token_type: 'bearer', scope: 'notes:read' })
      expect(await world.call('notes', answer.access_token, 'get_thing')).toBe(200)
    }
    expect(new Set(answers.map(({ access_token }) => decodeJwt(access_token)['gid'])).size).toBe(1)
    const records = await world.gateway.log()
    expect(
      records.filter(({ activity, clientId }) => activity === 'token.issue' && clientId === 'workload:cluster:agent'),
    ).toHaveLength(2)
  } finally {
    await world.close()
    await new Promise((resolve) => platform.close(resolve))
  }
})

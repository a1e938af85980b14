import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Person } from '../e2e/support/authorize.ts'
import { DevicePerson } from '../support/device-person.ts'
import { type GrantsGateway, INSECURE, SECRET, startGrantsGateway } from '../support/grants-gateway.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** A strict client without a browser (RFC 8628) that knows nothing of us, and the person who helps it. */
describe('a device', () => {
  let world: GrantsGateway
  let server: oauth.AuthorizationServer
  let ada: Person
  beforeAll(async () => {
    world = await startGrantsGateway(() => ({
      clients: {
        tv: { name: 'Terminal', grantTypes: [GRANT, 'refresh_token'] },
        robot: {
          name: 'Robot',
          grantTypes: [GRANT],
          authMethod: 'client_secret_basic',
          secret: '${file:secret}',
        },
      },
    }))
    ada = await world.gateway.addUser('ada')
    server = await world.discover()
  })
  afterAll(() => world.close())

  async function begin(client: oauth.Client, authentication: oauth.ClientAuth) {
    const parameters = { resource: world.resource('files'), scope: 'files:read files:write offline_access' }
    const answer = await oauth.deviceAuthorizationRequest(server, client, authentication, parameters, INSECURE)
    return oauth.processDeviceAuthorizationResponse(server, client, answer)
  }

  async function poll(client: oauth.Client, authentication: oauth.ClientAuth, deviceCode: string) {
    const answer = await oauth.deviceCodeGrantRequest(server, client, authentication, deviceCode, INSECURE)
    return oauth.processDeviceCodeResponse(server, client, answer)
  }

  it('is told where to ask', () => {
    expect(server.device_authorization_endpoint).toBe(`${world.origin}/oauth/device_authorization`)
    expect(server.grant_types_supported).toContain(GRANT)
  })

  it('gets its tokens when a person has entered the code, compared it, signed in and allowed', async () => {
    const client = { client_id: 'tv' }
    const begun = await begin(client, oauth.None())
    expect(begun).toMatchObject({ expires_in: 600, interval: 5, verification_uri: `${world.origin}/device` })
    expect(begun.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
    const person = await DevicePerson.at(begun.verification_uri)
    await person.enter(begun.user_code.toLowerCase().replace('-', ' '))
    for (const shown of [begun.user_code, '127.0.0.1', 'Terminal', 'files']) expect(person.text).toContain(shown)
    await person.press('confirm')
    await person.logIn(ada)
    for (const shown of ['Terminal', begun.user_code, '127.0.0.1']) expect(person.text).toContain(shown)
    await person.press('allow')
    expect([person.page.status, person.text.includes('Your device is connected')]).toEqual([200, true])

    const answer = await poll(client, oauth.None(), begun.device_code)
    const claims = decodeJwt(answer.access_token)
    expect(claims).toMatchObject({ aud: world.resource('files'), client_id: 'tv', acr: expect.any(String) })
    expect(answer).toMatchObject({ scope: 'files:read files:write', refresh_token: expect.any(String) })
    expect(await world.call('files', answer.access_token, 'write_thing')).toBe(200)
    const refreshed = await oauth.processRefreshTokenResponse(
      server,
      client,
      await oauth.refreshTokenGrantRequest(server, client, oauth.None(), answer.refresh_token ?? '', INSECURE),
    )
    expect(decodeJwt(refreshed.access_token)['gid']).toBe(claims['gid'])
  })

  it('follows a link that fills the code in; the person still compares it', async () => {
    const client = { client_id: 'robot' }
    const begun = await begin(client, oauth.ClientSecretBasic(SECRET))
    const person = await DevicePerson.at(begun.verification_uri_complete ?? '')
    expect(person.typed).toBe(begun.user_code)
    await person.enter(person.typed ?? '')
    expect(person.text).toContain('Is this your device?')
    await person.press('confirm')
    await person.logIn(ada)
    await person.press('allow')
    const answer = await poll(client, oauth.ClientSecretBasic(SECRET), begun.device_code)
    expect(answer.refresh_token).toBeUndefined()
    expect(await world.call('files', answer.access_token, 'get_thing')).toBe(200)
  })

  it.each(['abort', 'deny'] as const)('is told when the person says no (%s)', async (how) => {
    const client = { client_id: 'tv' }
    const begun = await begin(client, oauth.None())
    const person = await DevicePerson.at(begun.verification_uri)
    await person.enter(begun.user_code)
    if (how === 'abort') await person.press('abort')
    else {
      await person.press('confirm')
      await person.logIn(ada)
      await person.press('deny')
    }
    expect(person.text).toContain('Nothing was allowed')
    await expect(poll(client, oauth.None(), begun.device_code)).rejects.toMatchObject({ error: 'access_denied' })
  })
})

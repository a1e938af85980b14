import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asClientId, DEFAULT_TENANT } from '#core/ids.ts'
import { ok } from '#core/result.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  CLIENT,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { openTestRegistry, type TestRegistryOptions } from '../support/client-registry.ts'

/**
 * Whoever takes over the web site of a metadata document changes its name, its redirects or its keys, and goes on with what people
 * consented to before. Expected: nothing is issued any more, the grant ends, and the person is asked again.
 */
describe('a client whose document has changed since the person consented', () => {
  let server: AuthorizationServerUnderTest
  beforeEach(async () => {
    server = await startAuthorizationServer()
    become('v1')
  })
  afterEach(() => server.close())

  function become(digest: string | null): void {
    const client = server.registry.add(CLIENT)
    const description = { ...client.description, kind: 'metadataDocument' as const, digest }
    server.registry.resolutions.set(CLIENT, { kind: 'active', client: { ...client, description } })
  }
  const grants = async () =>
    (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items.map((grant) => [
      grant.clientDigest,
      grant.revokedCause,
    ])
  const refusals = () => server.events.filter(({ outcome }) => outcome === 'refused').map(({ reason }) => reason)

  it('gets no tokens for its refresh token, and its grant ends', async () => {
    const { code, verifier } = await authorize(server)
    const first = await redeem(server, code, verifier)
    const second = await refresh(server, String(first.body['refresh_token']))
    expect(second.status).toBe(200)
    become('v2')
    const answer = await refresh(server, String(second.body['refresh_token']))
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(answer.body).not.toHaveProperty('access_token')
    expect(await grants()).toEqual([['v1', 'clientChanged']])
    expect(refusals()).toEqual(['clientChanged'])
    const feed = await server.store.feed.since(0, 10)
    expect(feed.map(({ kind }) => kind).filter((kind) => kind !== 'signingKeys')).toEqual(['grant'])
    // Changing back does not bring it back.
    become('v1')
    expect((await refresh(server, String(second.body['refresh_token']))).status).toBe(400)
  })

  it('gets no tokens for its code', async () => {
    const { code, verifier } = await authorize(server)
    become('v2')
    expect(await redeem(server, code, verifier)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(await grants()).toEqual([['v1', 'clientChanged']])
  })

  it('gets them again once the person has consented to what it is now', async () => {
    await authorize(server)
    become('v2')
    const { code, verifier } = await authorize(server)
    expect((await redeem(server, code, verifier)).status).toBe(200)
    expect((await grants()).map(([digest]) => digest)).toEqual(['v2', 'v1'])
  })

  it('that is of another kind now, without a document, gets nothing either', async () => {
    const { code, verifier } = await authorize(server)
    become(null)
    expect((await redeem(server, code, verifier)).status).toBe(400)
  })
})

describe('what a document says', () => {
  const ID = asClientId('https://client.example/client.json')
  const KEY = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k' }
  const DOCUMENT = {
    client_id: ID,
    client_name: 'Notes',
    redirect_uris: ['https://client.example/a', 'https://client.example/b'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [KEY] },
  }

  async function digestsOf(documents: readonly Record<string, unknown>[]): Promise<(string | null)[]> {
    let document = {}
    const fetch: NonNullable<TestRegistryOptions['fetch']> = async () => {
      const body = new TextEncoder().encode(JSON.stringify(document))
      return ok({ status: 200, headers: { 'content-type': 'application/json' }, body })
    }
    const t = await openTestRegistry({ fetch })
    document = documents[0] ?? {}
    await t.registry.resolve(ID, null)
    await t.store.clients.approve(DEFAULT_TENANT, ID, 'operator', t.clock.nowSeconds(), [])
    const digests: (string | null)[] = []
    for (const next of documents) {
      document = next
      t.clock.advance(3_601)
      const resolution = await t.registry.resolve(ID, null)
      digests.push(resolution.kind === 'active' ? resolution.client.description.digest : resolution.kind)
    }
    await t.close()
    return digests
  }

  it.each([
    ['its name', { client_name: 'Notes 2' }],
    ['a redirect more', { redirect_uris: [...DOCUMENT.redirect_uris, 'https://client.example/c'] }],
    ['a redirect less', { redirect_uris: ['https://client.example/a'] }],
    ['a key', { jwks: { keys: [{ ...KEY, x: 'z' }] } }],
    ['a key more', { jwks: { keys: [KEY, { ...KEY, kid: 'k2' }] } }],
    ['where its keys are', { jwks: undefined, jwks_uri: 'https://client.example/keys' }],
    ['how it proves who it is', { token_endpoint_auth_method: 'none', jwks: undefined }],
  ])('is consented to anew when %s changes', async (_what, change) => {
    const [before, after, back] = await digestsOf([DOCUMENT, { ...DOCUMENT, ...change }, DOCUMENT])
    expect(before).toMatch(/^[\w-]{43}$/)
    expect(after).toMatch(/^[\w-]{43}$/)
    expect(after).not.toBe(before)
    expect(back).toBe(before)
  })

  it.each([
    ['a link', { client_uri: 'https://client.example/about' }],
    ['the order of redirects', { redirect_uris: DOCUMENT.redirect_uris.toReversed() }],
    ['the order of the members of a key', { jwks: { keys: [Object.fromEntries(Object.entries(KEY).toReversed())] } }],
    ['its version', { software_version: '2' }],
  ])('is the same when %s changes', async (_what, change) => {
    const [before, after] = await digestsOf([DOCUMENT, { ...DOCUMENT, ...change }])
    expect(after).toBe(before)
  })
})

describe('whose documents are accepted', () => {
  const fetch: NonNullable<TestRegistryOptions['fetch']> = async (url) => {
    const document = { client_id: url, client_name: 'Notes', redirect_uris: ['http://127.0.0.1/cb'] }
    const body = new TextEncoder().encode(JSON.stringify(document))
    return ok({ status: 200, headers: { 'content-type': 'application/json' }, body })
  }
  const kinds = async (documentHosts: { allow: string[]; deny: string[] }, urls: readonly string[]) => {
    const asked: string[] = []
    const t = await openTestRegistry({
      policy: { documentHosts },
      fetch: (url, options) => {
        asked.push(url)
        return fetch(url, options)
      },
    })
    const found: string[] = []
    for (const url of urls) found.push((await t.registry.resolve(asClientId(url), null)).kind)
    const rows = (await t.store.clients.list(DEFAULT_TENANT, {}, { cursor: null, limit: 50 })).items.length
    await t.close()
    return { found, asked, rows }
  }
  const URLS = [
    'https://good.example/c',
    'https://a.good.example/c',
    'https://evilgood.example/c',
    'https://good.example.evil.example/c',
    'https://good.example:8443/c',
    'https://other.example/c',
  ]

  it('everybody’s, where nothing is said', async () => {
    const { found } = await kinds({ allow: [], deny: [] }, URLS)
    expect(found).toEqual(URLS.map(() => 'pending'))
  })

  it('those named, and nobody who only looks like them; others are not even asked', async () => {
    const { found, asked, rows } = await kinds({ allow: ['good.example'], deny: [] }, URLS)
    const no = 'documentInvalid'
    expect(found).toEqual(['pending', no, no, no, 'pending', no])
    expect(asked).toEqual(['https://good.example/c', 'https://good.example:8443/c'])
    expect(rows).toBe(2)
  })

  it('all below a domain, and not the domain itself', async () => {
    const { found } = await kinds({ allow: ['*.good.example'], deny: [] }, URLS.slice(0, 4))
    expect(found).toEqual(['documentInvalid', 'pending', 'documentInvalid', 'documentInvalid'])
  })

  it('never those denied, whatever allows them', async () => {
    const { found } = await kinds(
      { allow: ['*.good.example', 'good.example'], deny: ['a.good.example'] },
      URLS.slice(0, 2),
    )
    expect(found).toEqual(['pending', 'documentInvalid'])
  })

  it('not of a host that is denied later, though its client was let in', async () => {
    const t = await openTestRegistry({ fetch })
    const id = asClientId('https://good.example/c')
    await t.registry.resolve(id, null)
    await t.store.clients.approve(DEFAULT_TENANT, id, 'operator', t.clock.nowSeconds(), [])
    expect((await t.registry.resolve(id, null)).kind).toBe('active')
    t.set({ documentHosts: { allow: [], deny: ['good.example'] } })
    expect((await t.registry.resolve(id, null)).kind).toBe('documentInvalid')
    t.set({ documentHosts: { allow: ['other.example'], deny: [] } })
    expect((await t.registry.resolve(id, null)).kind).toBe('documentInvalid')
    await t.close()
  })
})

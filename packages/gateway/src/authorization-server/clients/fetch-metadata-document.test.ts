import { describe, expect, test } from 'vitest'
import { freshSeconds, judgeDocument } from './fetch-metadata-document.ts'

const URL_OF_CLIENT = 'https://client.example/oauth/client.json'
const P = 'https://gateway.example'

function judge(document: Record<string, unknown>, contentType = 'application/json'): ReturnType<typeof judgeDocument> {
  return judgeDocument(URL_OF_CLIENT, contentType, new TextEncoder().encode(JSON.stringify(document)), P)
}

/** The example of draft-ietf-oauth-client-id-metadata-document §4 in the MCP specification's words. */
const EXAMPLE = {
  client_id: URL_OF_CLIENT,
  client_name: 'Example MCP Client',
  client_uri: 'https://client.example',
  logo_uri: 'https://client.example/logo.png',
  redirect_uris: ['http://127.0.0.1:3000/callback', 'http://localhost:3000/callback'],
  grant_types: ['authorization_code'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
}

describe('a metadata document', () => {
  test('of the specification’s shape is a native public client, its application_type inferred', () => {
    expect(judge(EXAMPLE)).toEqual({
      ok: true,
      value: {
        client_name: 'Example MCP Client',
        redirect_uris: ['http://127.0.0.1:3000/callback', 'http://localhost:3000/callback'],
        application_type: 'native',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        client_uri: 'https://client.example',
        logo_uri: 'https://client.example/logo.png',
      },
    })
  })

  test('without a method is public: the default of RFC 7591 would be a shared secret', () => {
    const { token_endpoint_auth_method: _left, ...rest } = EXAMPLE
    const judged = judge(rest)
    expect(judged.ok && judged.value.token_endpoint_auth_method).toBe('none')
  })

  test('may authenticate with its own keys, by value or by URL', () => {
    const keys = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: '1' }] }
    const byValue = judge({ ...EXAMPLE, token_endpoint_auth_method: 'private_key_jwt', jwks: keys })
    expect(byValue.ok && byValue.value.jwks).toEqual(keys)
    const byUrl = judge({
      ...EXAMPLE,
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: 'https://client.example/jwks',
    })
    expect(byUrl.ok && byUrl.value.jwks_uri).toBe('https://client.example/jwks')
  })

  test('may bring assertions about people where it signs, and only there', () => {
    const asked = { ...EXAMPLE, grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:jwt-bearer'] }
    const signs = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://client.example/jwks' }
    const grantsOf = (document: Record<string, unknown>) => {
      const judged = judge(document)
      return judged.ok && judged.value.grant_types
    }
    expect(grantsOf({ ...asked, ...signs })).toEqual(asked.grant_types)
    expect(grantsOf(asked)).toEqual(['authorization_code'])
    expect(grantsOf({ ...EXAMPLE, ...signs })).toEqual(['authorization_code'])
  })

  test('keeps no keys that nothing will ask for', () => {
    const judged = judge({ ...EXAMPLE, jwks_uri: 'https://client.example/jwks' })
    expect(judged.ok && judged.value).not.toHaveProperty('jwks_uri')
  })

  test('is JSON by its media type, parameters and +json included', () => {
    for (const type of [
      'application/json',
      'application/json; charset=utf-8',
      'Application/JSON',
      'application/client+json',
    ])
      expect(judge(EXAMPLE, type).ok, type).toBe(true)
    for (const type of [
      '',
      'text/plain',
      'text/json',
      'application/jsonp',
      'application/x-json',
      'text/html; x=application/json',
    ])
      expect(judge(EXAMPLE, type).ok, type).toBe(false)
  })
})

describe('how long it is fresh (own bounds: a minute to a day)', () => {
  const date = 'Sat, 21 Nov 2026 10:00:00 GMT'
  test.each<[Record<string, string>, number]>([
    [{}, 3600],
    [{ 'cache-control': 'max-age=600' }, 600],
    [{ 'cache-control': 'public, max-age=600' }, 600],
    [{ 'cache-control': 'MAX-AGE="600"' }, 600],
    [{ 'cache-control': 'max-age=600, s-maxage=900' }, 900],
    [{ 'cache-control': 'max-age=600', age: '500' }, 100],
    [{ 'cache-control': 'max-age=0' }, 60],
    [{ 'cache-control': 'max-age=1' }, 60],
    [{ 'cache-control': 'max-age=99999999' }, 86_400],
    [{ 'cache-control': 'no-store' }, 60],
    [{ 'cache-control': 'no-cache, max-age=600' }, 60],
    [{ 'cache-control': 'private, max-age=600' }, 60],
    [{ 'cache-control': 'max-age=-5' }, 3600],
    [{ date, expires: 'Sat, 21 Nov 2026 10:10:00 GMT' }, 600],
    [{ date, expires: 'Sat, 21 Nov 2026 09:00:00 GMT' }, 60],
    [{ date, expires: '0' }, 60],
    [{ expires: 'Sat, 21 Nov 2026 10:10:00 GMT' }, 60],
  ])('%j: %i s', (headers, seconds) => {
    expect(freshSeconds(headers)).toBe(seconds)
  })
})

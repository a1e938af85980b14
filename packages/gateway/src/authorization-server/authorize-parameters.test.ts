import { describe, expect, it } from 'vitest'
import { asServerId } from '#core/ids.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import { authorizeParameters } from './authorize-parameters.ts'

const entry = (id: string): [ServerEntry['id'], ServerEntry] => [
  asServerId(id),
  // Only these fields are read here.
  {
    id: asServerId(id),
    resource: `https://gateway.example/mcp/${id}`,
    baselineClasses: ['read'],
    toolScopes: new Set(['get notes']),
  } as unknown as ServerEntry,
]
const snapshot = { servers: new Map([entry('files'), entry('memory')]) } as unknown as Snapshot

const parameters = (query: string) => authorizeParameters(new URLSearchParams(query), snapshot)
const FILES = 'resource=https%3A%2F%2Fgateway.example%2Fmcp%2Ffiles'

describe('what the engine sees of an authorization request', () => {
  it('nothing that it need not understand', () => {
    const passed = parameters(
      `${FILES}&client_id=c&nonce=n&login_hint=x&scopes_unknown=forged&login_max_age=1&login_acr=forged&__proto__=x`,
    )
    expect([...passed.keys()].sort()).toEqual(['client_id', 'resource', 'scope'])
  })

  it.each([
    ['max_age=300', { login_max_age: '300' }],
    ['max_age=60', { login_max_age: '60' }],
    ['max_age=', {}],
    // No login is that young when it is looked at: a new one is asked for.
    ['max_age=0', { prompt: 'login' }],
    ['max_age=59&prompt=consent', { prompt: 'consent login' }],
    ['max_age=0&prompt=none', { prompt: 'none', login_max_age: '0' }],
    ['max_age=-1', { prompt: 'login' }],
    ['max_age=1e3', { prompt: 'login' }],
    ['max_age=300&max_age=600', { prompt: 'login' }],
    ['acr_values=urn:sallyport:acr:multi-factor', { login_acr: 'urn:sallyport:acr:multi-factor' }],
    ['acr_values=x%20urn:sallyport:acr:multi-factor', { login_acr: 'urn:sallyport:acr:multi-factor' }],
    ['acr_values=urn:sallyport:acr:single-factor', {}],
    ['acr_values=x', {}],
  ])('what a login has to be, as a parameter of ours: %s (RFC 9470 §4)', (query, expected) => {
    const { resource: _resource, scope: _scope, ...rest } = Object.fromEntries(parameters(`${FILES}&${query}`))
    expect(rest).toEqual(expected)
  })

  it('the parameters that change what is asked, so that it can refuse them', () => {
    expect([...parameters('request=r&request_uri=u&registration=x').keys()]).toEqual([
      'request',
      'request_uri',
      'registration',
    ])
  })

  it('known scopes of the server, each once, and the dropped ones apart', () => {
    const passed = parameters(
      `${FILES}&scope=${encodeURIComponent('files:read openid files:read memory:read files:* files:tool:get%20notes files:tool:other')}`,
    )
    expect(passed.get('scope')).toBe('files:read files:tool:get%20notes')
    expect(passed.get('scopes_unknown')).toBe('openid memory:read files:* files:tool:other')
  })

  it('the baseline where no known scope was asked for', () => {
    expect(parameters(FILES).get('scope')).toBe('files:read')
    expect(parameters(`${FILES}&scope=openid`).get('scope')).toBe('files:read')
  })

  it('at most twenty dropped values', () => {
    const scope = Array.from({ length: 500 }, (_, index) => `x${index}`).join(' ')
    const passed = parameters(`${FILES}&scope=${encodeURIComponent(scope)}`)
    expect(passed.get('scopes_unknown')?.split(' ')).toHaveLength(20)
  })

  it('repeated parameters as they came', () => {
    const passed = parameters(`${FILES}&${FILES}&state=1&state=2&scope=a&scope=b`)
    expect(passed.getAll('resource')).toHaveLength(2)
    expect(passed.getAll('state')).toEqual(['1', '2'])
    expect(passed.getAll('scope')).toEqual(['a', 'b'])
  })

  it('a resource that is not ours as it came', () => {
    const passed = parameters('resource=https%3A%2F%2Fattacker.example&scope=files%3Aread')
    expect(passed.get('resource')).toBe('https://attacker.example')
  })

  it.each([
    ['consent', 'consent'],
    ['select_account', 'login'],
    ['login select_account consent', 'login consent'],
    ['none', 'none'],
  ])('prompt %s as %s', (given, expected) => {
    expect(parameters(`prompt=${encodeURIComponent(given)}`).get('prompt')).toBe(expected)
  })

  it('no response mode but query', () => {
    expect(parameters('response_mode=query').get('response_mode')).toBe('query')
    for (const mode of ['form_post', 'fragment', 'jwt', 'web_message']) {
      expect(parameters(`response_mode=${mode}`).get('response_mode')).toBe('unsupported')
    }
  })
})

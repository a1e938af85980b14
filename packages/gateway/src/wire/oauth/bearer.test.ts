import { describe, expect, it } from 'vitest'
import { parseBearer } from './bearer.ts'
import { printBearerChallenge } from './www-authenticate.ts'

describe('Authorization headers', () => {
  it.each(['Bearer abc', 'bearer abc', 'BEARER   abc'])(
    '%s carries the token (RFC 9110 §11.1: schemes have no case)',
    (header) => {
      const credential = parseBearer(header)
      expect(credential.kind === 'token' && credential.token.reveal()).toBe('abc')
    },
  )

  it('accepts every character of token68, and padding at the end', () => {
    const credential = parseBearer('Bearer aZ09-._~+/==')
    expect(credential.kind === 'token' && credential.token.reveal()).toBe('aZ09-._~+/==')
  })

  it.each([undefined, '', 'Basic YTpi', 'DPoP abc', 'Bearerabc', 'Bearer,abc'])(
    '%s shows no bearer token',
    (header) => {
      expect(parseBearer(header)).toEqual({ kind: 'missing' })
    },
  )

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer a, Bearer b',
    'Bearer a,b',
    'Bearer\tabc',
    'Bearer abc ',
    'Bearer "abc"',
    'Bearer a=b',
    'Bearer é',
    `Bearer ${'a'.repeat(8 * 1024 + 1)}`,
  ])('%# is malformed', (header) => {
    expect(parseBearer(header)).toEqual({ kind: 'malformed' })
  })

  it('does not print the token', () => {
    expect(JSON.stringify(parseBearer('Bearer sentinel'))).not.toContain('sentinel')
  })
})

describe('challenges', () => {
  it('quotes everything, so that no value adds a parameter or a header', () => {
    const printed = printBearerChallenge({
      realm: 'a", error="x\r\nSet-Cookie: y=1\\',
      resourceMetadata: 'https://g.example/x',
      scopes: ['files:read', 'files:tool:a%22b'],
      error: 'insufficient_scope',
      errorDescription: 'naïve "quote"',
    })
    expect(printed).toBe(
      'Bearer realm="a\\", error=\\"x??Set-Cookie: y=1\\\\", error="insufficient_scope", error_description="na?ve \\"quote\\"", ' +
        'resource_metadata="https://g.example/x", scope="files:read files:tool:a%22b"',
    )
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConfiguredServer } from './configured-server.ts'
import { findPlainSecrets } from './find-plain-secrets.ts'

const server = (parts: Partial<ConfiguredServer>): ConfiguredServer => ({
  name: 'a',
  transport: 'stdio',
  command: 'x',
  args: [],
  url: null,
  environment: {},
  headers: {},
  isEnabled: true,
  approvedTools: [],
  otherTexts: [],
  ...parts,
})
const GITHUB = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`

describe('secrets in plain text', () => {
  test.each<[string, Partial<ConfiguredServer>, string, string, string]>([
    [
      'a token of known form in a variable',
      { environment: { ANYTHING: GITHUB } },
      'github-token',
      'environment',
      'ANYTHING',
    ],
    ['a named password', { environment: { DB_PASSWORD: 'correct horse' } }, 'password', 'environment', 'DB_PASSWORD'],
    [
      'a bearer header',
      { headers: { Authorization: 'Bearer abcdefghijkl123' } },
      'authorization',
      'header',
      'Authorization',
    ],
    ['an API key header', { headers: { 'X-API-Key': 'k' } }, 'api-key', 'header', 'X-API-Key'],
    ['a flag with its value', { args: ['--api-key', 'abc123'] }, 'api-key', 'argument', '2'],
    ['a flag and value in one', { args: ['--api-key=abc123'] }, 'api-key', 'argument', '1'],
    ['a password in a URL', { url: 'https://ada:hunter2@a.example/mcp' }, 'url-credential', 'url', 'url'],
    ['a token in a query', { url: 'https://a.example/mcp?access_token=zzz' }, 'token', 'url', 'url'],
    ['a URL in an argument', { args: ['postgresql://ada:hunter2@db/x'] }, 'url-credential', 'argument', '1'],
    ['a secret of OAuth', { otherTexts: [['clientSecret', 'abc']] }, 'client-secret', 'other', 'clientSecret'],
  ])('%s', (_title, parts, kind, place, name) => {
    const { sightings } = findPlainSecrets(server(parts))
    expect(sightings).toEqual([
      { kind, place, name, hash: expect.stringMatching(/^sha256:[0-9a-f]{8}$/), isCertain: true },
    ])
  })

  test('the same secret has the same hash wherever it lies', () => {
    const { sightings } = findPlainSecrets(
      server({ environment: { GITHUB_TOKEN: GITHUB }, headers: { Authorization: `Bearer ${GITHUB}` } }),
    )
    expect(sightings.map(({ place }) => place)).toEqual(['environment', 'header'])
    expect(new Set(sightings.map(({ hash }) => hash)).size).toBe(1)
  })

  test('what only looks like a secret is said to be uncertain', () => {
    const { sightings } = findPlainSecrets(server({ environment: { NOTION: 'q8ZkP2mN7rT4wX9yB5cD1fG6' } }))
    expect(sightings).toMatchObject([{ kind: 'random-looking', isCertain: false }])
  })
})

describe('what is no secret', () => {
  test.each([
    '${GITHUB_TOKEN}',
    '${env:GITHUB_TOKEN}',
    '${input:token}',
    '${{ secrets.TOKEN }}',
    '{{TOKEN}}',
    '{env:TOKEN}',
    '$GITHUB_TOKEN',
    '%GITHUB_TOKEN%',
    'Bearer ${TOKEN}',
    'Bearer $TOKEN',
    'op://vault/item/field',
    'keychain:github',
    '<YOUR_TOKEN>',
    'YOUR_API_KEY',
    'your-token-here',
    'xxxx',
    '***',
    '',
  ])('a reference or placeholder: %s', (value) => {
    expect(findPlainSecrets(server({ environment: { API_TOKEN: value, API_KEY: value } })).sightings).toEqual([])
    expect(findPlainSecrets(server({ headers: { Authorization: value } })).sightings).toEqual([])
  })

  test.each(['postgresql://${USER}:${PASS}@db/x', 'https://a.example/?token=${TOKEN}'])(
    'a URL of references: %s',
    (url) => {
      expect(findPlainSecrets(server({ args: [url], environment: { DATABASE_URL: url } })).sightings).toEqual([])
    },
  )

  test('half a reference is a secret, and then all of it is', () => {
    const { sightings, redact } = findPlainSecrets(server({ environment: { DB_PASSWORD: 'hunter2${X}' } }))
    expect(sightings).toHaveLength(1)
    expect(redact('a hunter2${X} b')).toBe('a [redacted] b')
  })

  test.each([
    '@modelcontextprotocol/server-filesystem@2026.7.10',
    'mcp-server-git==2025.12.17',
    '/home/ada/projects/notes-2026/archive1',
    'https://api.githubcopilot.com/mcp/v1/readonly2',
    '6f1c2a34-9b7d-4e55-8c1f-0a2b3c4d5e6f',
    'C:\\Users\\ada\\notes\\archive2026',
    'https://tracker.example/mcp?team=notes',
    'ghcr.io/github/github-mcp-server:v0.20.1',
  ])('an argument such as %s', (value) => {
    expect(findPlainSecrets(server({ args: [value] })).sightings).toEqual([])
  })
})

describe('redaction', () => {
  test('takes every secret out of any text', () => {
    const { redact } = findPlainSecrets(server({ environment: { A_PASSWORD: 'hunter2' }, args: [GITHUB] }))
    expect(redact(`x hunter2 ${GITHUB}hunter2 y`)).toBe('x [redacted] [redacted] y')
  })

  test('takes the whole value of a secret variable, words behind the first included', () => {
    const { redact } = findPlainSecrets(server({ args: ['--password', 'correct horse battery'] }))
    expect(redact('correct horse battery')).toBe('[redacted]')
  })

  test('leaves nothing of a secret that begins like another', () => {
    const { redact } = findPlainSecrets(
      server({ environment: { A_PASSWORD: 'hunter2', B_PASSWORD: 'hunter2-and-more' } }),
    )
    expect(redact('hunter2-and-more')).toBe('[redacted]')
  })

  test('does not grow where a secret is a letter of its own mark', () => {
    const environment = { A_PASSWORD: 'e', B_PASSWORD: 'd', C_PASSWORD: 'r', D_PASSWORD: '[', E_PASSWORD: 'a' }
    const { redact } = findPlainSecrets(server({ environment }))
    expect(redact('reader').length).toBeLessThan(100)
  })

  test('whatever a secret variable holds, no text shows it', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-~]{6,40}$/), fc.string(), (secret, around) => {
        const { sightings, redact } = findPlainSecrets(server({ environment: { DB_PASSWORD: secret } }))
        if (sightings.length === 0) return
        const shown = redact(`${around}${secret}${around}`)
        if (!around.includes(secret)) expect(shown.split('[redacted]').join('')).not.toContain(secret)
      }),
    )
  })
})

import { expect, test } from 'vitest'
import { createLineRedactor } from './line-redactor.ts'
import { redactSecrets } from './redact-secrets.ts'

// Made up for these tests, and put together here so that no scanner of this repository takes them for real.
const filler = (length: number) => 'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z'.repeat(8).slice(0, length)
const jwt = `eyJ${filler(20)}.eyJ${filler(40)}.${filler(43)}`

const SECRETS: readonly (readonly [kind: string, text: string, secret: string])[] = [
  ['a JWT', `token ${jwt} was refused`, jwt],
  ['a JWT of algorithm none', `got eyJ${filler(20)}.eyJ${filler(30)}.`, `eyJ${filler(30)}`],
  ['a GitHub token', `push with ghp_${filler(36)} failed`, filler(36)],
  ['a fine-grained GitHub token', `github_pat_${filler(22)}_${filler(59)}`, filler(59)],
  ['a GitHub token behind its own prefix', `ghp_ghp_${filler(36)}`, filler(36)],
  ['a model API key', `key is sk-proj-${filler(48)}`, filler(48)],
  ['an AWS key id', 'id AKIAQWERTYUIOPASDF12 used', 'AKIAQWERTYUIOPASDF12'],
  ['a Google API key', `?x=AIza${filler(35)}`, filler(35)],
  ['a Slack token', `xoxb-${filler(12)}-${filler(24)}`, filler(24)],
  ['a Slack webhook', `https://hooks.slack.com/services/T000/B000/${filler(24)}`, filler(24)],
  ['a Stripe key', `sk_live_${filler(24)}`, filler(24)],
  ['a Stripe key behind its own prefix', `sk_live_sk_live_${filler(24)}`, filler(24)],
  ['an npm token', `npm_${filler(36)}`, filler(36)],
  ['a bearer header', `Authorization: Bearer ${filler(22)}`, filler(22)],
  ['a bearer credential in prose', `sent Bearer ${filler(22)} along`, filler(22)],
  ['a short bearer credential', 'bearer abc123', 'abc123'],
  ['a basic credential', 'using Basic dXNlcjpwYXNz==', 'dXNlcjpwYXNz'],
  ['URL userinfo', 'connect postgres://app:hunter2@db.example:5432/x', 'hunter2'],
  ['URL userinfo with an @ in the password', 'https://app:hun@ter2@db.example/', 'ter2'],
  ['an environment assignment', 'DB_PASSWORD=hunter2', 'hunter2'],
  ['a JSON property', '{"client_secret":"s3cr3t-word","x":1}', 's3cr3t-word'],
  ['a JSON property with an escaped quote', '{"password":"a\\"bcd","x":1}', 'bcd'],
  ['JSON inside a JSON string', '{"text":"{\\"apiKey\\":\\"plainword\\"}"}', 'plainword'],
  ['a camelCase property', "dbPassword: 'correct horse battery'", 'battery'],
  ['a query parameter', 'GET /cb?code=Zx81Kq92LmPq77Vt&state=1', 'Zx81Kq92LmPq77Vt'],
  ['a refresh token in a form', 'grant_type=refresh_token&refresh_token=abcdefghij', 'abcdefghij'],
  ['a cookie header', 'cookie: a=b; __Host-session=q1w2e3', 'q1w2e3'],
  ['a PEM private key', `-----BEGIN RSA PRIVATE KEY-----\n${filler(64)}\n-----END RSA PRIVATE KEY-----`, filler(64)],
  ['a PEM key inside JSON', `"-----BEGIN PRIVATE KEY-----\\n${filler(64)}\\n-----END PRIVATE KEY-----\\n"`, filler(64)],
  ['a PEM key cut off', `-----BEGIN EC PRIVATE KEY-----\n${filler(64)}\n${filler(31)}`, filler(31)],
]

test.each(SECRETS)('%s does not survive redaction', (_kind, text, secret) => {
  const redacted = redactSecrets(text)
  expect(redacted).toContain('[redacted:')
  expect(redacted).not.toContain(secret)
  expect(redactSecrets(redacted)).toBe(redacted)
})

test.each([
  'POST /mcp/notes answered 401 invalid_token in 3 ms',
  'task-management-dashboard-component-with-a-long-name',
  'bearer authentication is required; basic functions only',
  '{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"unknown tool"}}',
  '{"code":"UND_ERR_CONNECT_TIMEOUT","syscall":"connect"}',
  'code: ERR_HTTP2_STREAM_CANCEL',
  '{"access_token":"string","token_type":"Bearer","expires_in":900}',
  'nextToken: q1w2e3r4t5y6u7i8',
  'https://gateway.example/.well-known/oauth-protected-resource/mcp/notes',
  '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
  'password: ${file:/run/secrets/db}',
  'sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
])('leaves alone what is no secret: %s', (text) => {
  expect(redactSecrets(text)).toBe(text)
})

test('keeps everything around a secret, and names its kind', () => {
  expect(redactSecrets(`a ghp_${filler(36)} b\nPGPASSWORD=x1 c`)).toBe(
    'a [redacted:github-token] b\nPGPASSWORD=[redacted:password] c',
  )
})

test('a private key that arrives line by line is redacted whole, and the lines after it are shown', () => {
  const redactor = createLineRedactor()
  const key = ['-----BEGIN PRIVATE KEY-----', filler(64), filler(40), '-----END PRIVATE KEY-----']
  expect(['before', ...key, 'after'].map((line) => redactor.redact(line))).toEqual([
    'before',
    '[redacted:private-key]',
    null,
    null,
    null,
    'after',
  ])
})

test('a private key that never ends does not mute its process for ever', () => {
  const redactor = createLineRedactor()
  redactor.redact('-----BEGIN PRIVATE KEY-----')
  const shown = Array.from({ length: 400 }, () => redactor.redact('alive')).filter((line) => line !== null)
  expect(shown.length).toBe(200)
})

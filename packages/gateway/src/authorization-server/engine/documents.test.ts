import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { createSealer } from '#keys/sealer.ts'
import { documentOf, payloadOf, storedId } from './documents.ts'

const place = { tenant: DEFAULT_TENANT, sealer: createSealer(randomBytes(32), systemRandom), now: 1_000 }
const kept = (document: ReturnType<typeof documentOf>) => ({ ...document, consumedAt: null, reply: null })

describe('how the engine’s documents are kept', () => {
  it.each(['AuthorizationCode', 'RefreshToken', 'Session', 'Interaction', 'AccessToken', 'AnythingNew'])(
    'a %s by the hash of its id, sealed, without the id in it',
    (model) => {
      const payload = { jti: 'the-secret-id', grantId: 'g', accountId: 'a', clientId: 'c', scope: 'files:read' }
      const document = documentOf(place, model, 'the-secret-id', payload, 60)
      expect(document.id).toBe(createHash('sha256').update('the-secret-id').digest('base64url'))
      expect(JSON.stringify(document)).not.toContain('the-secret-id')
      expect(Buffer.from(document.payload, 'base64').toString('latin1')).not.toContain('files:read')
      expect(document).toMatchObject({ grantId: 'g', accountId: 'a', clientId: 'c', expiresAt: 1_060 })
      expect(payloadOf(place, kept(document), 'the-secret-id')).toEqual(payload)
    },
  )

  it('a sealed payload opens in its own place only', () => {
    const code = documentOf(place, 'AuthorizationCode', 'one', { scope: 'x' }, 60)
    const moved = { ...kept(code), id: storedId('AuthorizationCode', 'two') }
    expect(() => payloadOf(place, moved, 'two')).toThrow('does not open here')
    expect(() => payloadOf(place, { ...kept(code), model: 'RefreshToken' }, 'one')).toThrow('does not open here')
  })

  it('a grant by its own name, which tokens carry as gid', () => {
    const grant = documentOf(place, 'Grant', 'grant-1', { jti: 'grant-1', accountId: 'a', clientId: 'c' }, 60)
    expect(grant).toMatchObject({ id: 'grant-1', grantId: 'grant-1' })
  })

  it('an interaction under the account and client that it is about, and never findable by its uid', () => {
    const payload = { jti: 'uid', session: { accountId: 'a', cookie: 'session-cookie' }, params: { client_id: 'c' } }
    const interaction = documentOf(place, 'Interaction', 'uid', payload, 600)
    expect(interaction).toMatchObject({ accountId: 'a', clientId: 'c', uid: null })
    expect(JSON.stringify(interaction)).not.toContain('session-cookie')
  })

  it('a session found by its uid comes without its id: the store does not know it', () => {
    const session = documentOf(place, 'Session', 'cookie', { jti: 'cookie', uid: 'u', accountId: 'a' }, 600)
    expect(session.uid).toBe('u')
    expect(payloadOf(place, kept(session), null)).toEqual({ uid: 'u', accountId: 'a' })
  })

  it('says when a document was used', () => {
    const code = documentOf(place, 'AuthorizationCode', 'one', {}, undefined)
    expect(code.expiresAt).toBeNull()
    expect(payloadOf(place, { ...kept(code), consumedAt: 7 }, 'one')).toEqual({ jti: 'one', consumed: 7 })
  })
})

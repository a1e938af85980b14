import { expect, test } from 'vitest'
import { asClientId, asGrantId, asSubjectId, asTenantId, asTokenId } from '#core/ids.ts'
import type { Principal } from '#identity/principal.ts'
import { FirstUses } from './first-uses.ts'

const holder = (tokenId: string, expiresAt = 900): Principal => ({
  tenant: asTenantId('default'),
  subject: asSubjectId('alice'),
  kind: 'user',
  clientId: asClientId('client'),
  scopes: [],
  resource: 'http://127.0.0.1/mcp/notes',
  acr: null,
  authTime: null,
  grantId: asGrantId('grant'),
  grantNumber: 1,
  confirmation: null,
  tokenId: asTokenId(tokenId),
  expiresAt,
})

test('a token is recorded once, also when it comes many times at once, and nobody goes on before the record is there', async () => {
  const uses = new FirstUses()
  const { promise, resolve } = Promise.withResolvers<void>()
  let written = 0
  const note = async () => {
    await uses.note(holder('a'), 0, async () => {
      written += 1
      await promise
    })
    return 'went on'
  }
  const all = [note(), note(), note()]
  expect(await Promise.race([...all, Promise.resolve('waits')])).toBe('waits')
  resolve()
  expect(await Promise.all(all)).toEqual(['went on', 'went on', 'went on'])
  expect(written).toBe(1)
})

test('what could not be written is tried again by the next request', async () => {
  const uses = new FirstUses()
  await expect(uses.note(holder('a'), 0, async () => await Promise.reject(new Error('full')))).rejects.toThrow('full')
  let written = 0
  await uses.note(holder('a'), 0, async () => {
    written += 1
  })
  expect(written).toBe(1)
})

test('expired tokens are forgotten, and of live ones at most so many are kept', async () => {
  const uses = new FirstUses(3)
  const write = async () => {}
  for (const name of ['a', 'b', 'c', 'd', 'e']) await uses.note(holder(name), 0, write)
  expect(uses.size).toBe(3)
  await uses.note(holder('f', 2_000), 1_000, write)
  expect(uses.size).toBe(1)
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { asClientId, asGrantId, asServerId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import type { Principal } from '#identity/principal.ts'
import { startRevocations } from '#identity/revocations.ts'
import { openTestStore } from '../../test/support/store.ts'
import { heedOwnWrites } from './heed-own-writes.ts'

let opened: Awaited<ReturnType<typeof openTestStore>>
let revocations: ReturnType<typeof startRevocations>

beforeEach(async () => {
  opened = await openTestStore()
  revocations = startRevocations({ feed: opened.store.feed, clock: systemClock })
  await revocations.poll()
})

afterEach(async () => {
  revocations.stop()
  await opened.close()
})

describe('what this process revokes', () => {
  it('is refused here from the answer on, without waiting for the next poll', async () => {
    const store = heedOwnWrites(
      opened.store,
      () => revocations.poll(),
      async () => undefined,
    )
    const grant = {
      tenant: DEFAULT_TENANT,
      grantId: asGrantId('01a1fcd8-3092-725e-a9e0-5543ab126101'),
      subject: asSubjectId('s'),
      clientId: asClientId('c'),
      server: asServerId('files'),
      resource: 'http://127.0.0.1/mcp/files',
      scopes: ['files:read'],
      createdAt: 1,
      expiresAt: systemClock.nowSeconds() + 600,
    }
    await store.engine.commit(DEFAULT_TENANT, [{ kind: 'openGrant', grant }], [])
    const { grantId } = grant
    const found = await store.grants.find(DEFAULT_TENANT, grantId)
    // Only what revocations read.
    const principal = {
      tenant: DEFAULT_TENANT,
      grantId,
      grantNumber: found?.number ?? 0,
      subject: 's',
      clientId: 'c',
      tokenId: 't',
    } as unknown as Principal
    expect(revocations.isRevoked(principal)).toBe(false)
    await store.grants.revoke(DEFAULT_TENANT, { grantId }, 'operator', systemClock.nowSeconds(), [])
    expect(revocations.isRevoked(principal)).toBe(true)
  })
})

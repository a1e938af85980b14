import { expect, it } from 'vitest'
import { asSubjectId } from '#core/ids.ts'
import type { Passkey } from '#store/ports/factors.ts'
import { onEveryEngine } from './on-every-engine.ts'
import { ACME, auditIds, document, entry, NOW, OTHER } from './samples.ts'

const ADA = asSubjectId('ada')
const EVE = asSubjectId('eve')
const passkey = (changes: Partial<Passkey> = {}): Passkey => ({
  tenant: ACME,
  credentialId: 'key-1',
  subject: ADA,
  name: 'Phone',
  publicKey: 'cose',
  counter: 0,
  isSynced: false,
  createdAt: NOW,
  lastUsedAt: null,
  ...changes,
})
const totp = { sealed: 'secret', lastStep: 7, createdAt: NOW }

onEveryEngine('second factors', (store) => {
  it('are none at first, and come back as they were set up, for that account in that tenant alone', async () => {
    expect(await store().factors.of(ACME, ADA)).toEqual({ hasTotp: false, recoveryCodesLeft: 0, passkeys: [] })
    expect(await store().factors.enrolTotp(ACME, ADA, totp, ['a', 'b'], { mustBeFirst: false }, [entry()])).toBe(
      'enrolled',
    )
    expect(
      await store().factors.addPasskey(passkey({ isSynced: true }), { max: 5, mustBeFirst: false }, ['c'], []),
    ).toBe('added')
    expect(await store().factors.of(ACME, ADA)).toEqual({
      hasTotp: true,
      // Those of the first factor; a second one makes no others.
      recoveryCodesLeft: 2,
      passkeys: [passkey({ isSynced: true })],
    })
    expect(await store().factors.findTotp(ACME, ADA)).toEqual({ sealed: 'secret', lastStep: 7 })
    for (const [tenant, subject] of [
      [ACME, EVE],
      [OTHER, ADA],
    ] as const) {
      expect(await store().factors.of(tenant, subject)).toEqual({ hasTotp: false, recoveryCodesLeft: 0, passkeys: [] })
      expect(await store().factors.findTotp(tenant, subject)).toBeNull()
      expect(await store().factors.useTotp(tenant, subject, 9)).toBe('used')
      expect(await store().factors.useRecoveryCode(tenant, subject, 'a', NOW, [entry()])).toBe('unknown')
    }
    expect(await store().factors.findPasskey(OTHER, 'key-1')).toBeNull()
    expect(await auditIds(store())).toHaveLength(1)
  })

  it('take each time step once, and none before the last', async () => {
    await store().factors.enrolTotp(ACME, ADA, totp, [], { mustBeFirst: false }, [])
    const take = (step: number) => store().factors.useTotp(ACME, ADA, step)
    expect([await take(7), await take(6), await take(9), await take(8), await take(9), await take(10)]).toEqual([
      'used',
      'used',
      'accepted',
      'used',
      'used',
      'accepted',
    ])
  })

  it('take each recovery code once; new ones end the old', async () => {
    await store().factors.replaceRecoveryCodes(ACME, ADA, ['a', 'b'], NOW, [])
    expect(await store().factors.useRecoveryCode(ACME, ADA, 'a', NOW, [entry()])).toBe('accepted')
    expect(await store().factors.useRecoveryCode(ACME, ADA, 'a', NOW, [entry()])).toBe('unknown')
    expect((await store().factors.of(ACME, ADA)).recoveryCodesLeft).toBe(1)
    await store().factors.replaceRecoveryCodes(ACME, ADA, ['c'], NOW, [])
    expect(await store().factors.useRecoveryCode(ACME, ADA, 'b', NOW, [])).toBe('unknown')
    expect(await store().factors.useRecoveryCode(ACME, ADA, 'c', NOW, [])).toBe('accepted')
  })

  it('a passkey belongs to one account, however often it is registered, and its counter moves from what was seen', async () => {
    await store().factors.addPasskey(passkey(), { max: 1, mustBeFirst: false }, [], [])
    expect(
      await store().factors.addPasskey(
        passkey({ credentialId: 'key-2' }),
        { max: 1, mustBeFirst: false },
        [],
        [entry()],
      ),
    ).toBe('full')
    expect(
      await store().factors.addPasskey(passkey({ subject: EVE }), { max: 1, mustBeFirst: false }, ['x'], [entry()]),
    ).toBe('taken')
    expect(await store().factors.of(ACME, EVE)).toMatchObject({ recoveryCodesLeft: 0, passkeys: [] })
    expect(await auditIds(store())).toEqual([])
    const use = (counterSeen: number, counter: number) =>
      store().factors.usePasskey(ACME, 'key-1', { counterSeen, counter, at: NOW + 1 })
    expect([await use(0, 3), await use(0, 4), await use(3, 4)]).toEqual(['accepted', 'overtaken', 'accepted'])
    expect(await store().factors.findPasskey(ACME, 'key-1')).toEqual(passkey({ counter: 4, lastUsedAt: NOW + 1 }))
    expect(await store().factors.removePasskey(ACME, EVE, 'key-1', { keepsLast: false }, [entry()])).toBe('unknown')
    expect(await store().factors.removePasskey(ACME, ADA, 'key-1', { keepsLast: false }, [])).toBe('removed')
    expect(await use(4, 5)).toBe('overtaken')
  })

  it('leave no recovery codes behind when the last one goes', async () => {
    await store().factors.enrolTotp(ACME, ADA, totp, ['a'], { mustBeFirst: false }, [])
    await store().factors.addPasskey(passkey(), { max: 5, mustBeFirst: false }, [], [])
    await store().factors.removeTotp(ACME, ADA, { keepsLast: false }, [])
    expect((await store().factors.of(ACME, ADA)).recoveryCodesLeft).toBe(1)
    await store().factors.removePasskey(ACME, ADA, 'key-1', { keepsLast: false }, [])
    expect(await store().factors.of(ACME, ADA)).toEqual({ hasTotp: false, recoveryCodesLeft: 0, passkeys: [] })
  })

  it('keep the last one where one is needed, and take away any other', async () => {
    await store().factors.enrolTotp(ACME, ADA, totp, ['a'], { mustBeFirst: false }, [])
    expect(await store().factors.removeTotp(ACME, ADA, { keepsLast: true }, [entry()])).toBe('last')
    await store().factors.addPasskey(passkey(), { max: 5, mustBeFirst: false }, [], [])
    expect(await store().factors.removePasskey(ACME, EVE, 'key-1', { keepsLast: true }, [entry()])).toBe('unknown')
    expect(await auditIds(store())).toEqual([])
    expect(await store().factors.removePasskey(ACME, ADA, 'key-1', { keepsLast: true }, [entry()])).toBe('removed')
    expect(await store().factors.removePasskey(ACME, ADA, 'key-1', { keepsLast: true }, [])).toBe('unknown')
    expect(await store().factors.of(ACME, ADA)).toEqual({ hasTotp: true, recoveryCodesLeft: 1, passkeys: [] })
    expect(await store().factors.removeTotp(ACME, ADA, { keepsLast: false }, [entry()])).toBe('removed')
    expect(await store().factors.removeTotp(ACME, ADA, { keepsLast: true }, [])).toBe('unknown')
    expect(await auditIds(store())).toHaveLength(2)
  })

  it('of two who take away the last two at once, one is kept, and its recovery codes', async () => {
    for (let round = 0; round < 20; round += 1) {
      const subject = asSubjectId(`ada ${round}`)
      await store().factors.enrolTotp(ACME, subject, totp, [`a ${round}`], { mustBeFirst: false }, [])
      await store().factors.addPasskey(
        passkey({ subject, credentialId: `key ${round}` }),
        { max: 5, mustBeFirst: false },
        [],
        [],
      )
      const outcomes = await Promise.all([
        store().factors.removeTotp(ACME, subject, { keepsLast: true }, [entry()]),
        store().factors.removePasskey(ACME, subject, `key ${round}`, { keepsLast: true }, [entry()]),
      ])
      expect(outcomes.toSorted()).toEqual(['last', 'removed'])
      const { hasTotp, passkeys, recoveryCodesLeft } = await store().factors.of(ACME, subject)
      expect([Number(hasTotp) + passkeys.length, recoveryCodesLeft]).toEqual([1, 1])
    }
  })

  it('are set up by the password alone only where there is none, however many try at once', async () => {
    for (let round = 0; round < 20; round += 1) {
      const subject = asSubjectId(`ada ${round}`)
      const outcomes = await Promise.all([
        store().factors.enrolTotp(ACME, subject, totp, [`a ${round}`], { mustBeFirst: true }, [entry()]),
        store().factors.addPasskey(
          passkey({ subject, credentialId: `key ${round}` }),
          { max: 5, mustBeFirst: true },
          [`b ${round}`],
          [entry()],
        ),
      ])
      expect(outcomes.filter((outcome) => outcome === 'notFirst')).toHaveLength(1)
      const { hasTotp, passkeys, recoveryCodesLeft } = await store().factors.of(ACME, subject)
      expect([Number(hasTotp) + passkeys.length, recoveryCodesLeft]).toEqual([1, 1])
    }
    expect(await store().factors.enrolTotp(ACME, EVE, totp, [], { mustBeFirst: true }, [])).toBe('enrolled')
    expect(await store().factors.enrolTotp(ACME, EVE, totp, [], { mustBeFirst: true }, [])).toBe('enrolledAlready')
  })

  it('are gone after a reset, with the logins that they made, and nobody else’s', async () => {
    await store().factors.enrolTotp(ACME, ADA, totp, ['a'], { mustBeFirst: false }, [])
    await store().factors.addPasskey(passkey(), { max: 5, mustBeFirst: false }, [], [])
    await store().factors.addPasskey(
      passkey({ credentialId: 'key-2', subject: EVE }),
      { max: 5, mustBeFirst: false },
      [],
      [],
    )
    const session = document({ model: 'Session', id: 'session', accountId: 'ada' })
    await store().engine.commit(ACME, [{ kind: 'insert', document: session }], [])
    expect(await store().factors.reset(ACME, ADA, [entry()])).toBe(true)
    expect(await store().factors.of(ACME, ADA)).toEqual({ hasTotp: false, recoveryCodesLeft: 0, passkeys: [] })
    expect(await store().engine.find(ACME, 'Session', 'session', NOW)).toBeNull()
    expect((await store().factors.of(ACME, EVE)).passkeys).toHaveLength(1)
    expect(await store().factors.reset(ACME, ADA, [entry()])).toBe(false)
    expect(await auditIds(store())).toHaveLength(1)
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { systemRandom } from '#core/random.ts'
import { createSealer } from '#keys/sealer.ts'
import { openRequestState, type RequestStateBinding, sealRequestState } from './request-state.ts'

const NOW = 1_795_000_000
const sealer = createSealer(new Uint8Array(32).fill(7), systemRandom)
const ALICE: RequestStateBinding = {
  tenant: 'default',
  subject: 'alice',
  clientId: 'client-1',
  server: 'notes',
  method: 'tools/call',
  name: 'delete',
  argumentDigest: 'digest-1',
}

describe('request state', () => {
  test('comes back byte for byte to whom it was given', () => {
    fc.assert(
      fc.property(fc.option(fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed())), (upstreamState) => {
        const text = sealRequestState(sealer, upstreamState, ALICE, NOW)
        expect(openRequestState(sealer, text, ALICE, NOW + 599)).toMatchObject({ ok: true, value: { upstreamState } })
      }),
    )
  })

  test('tells nothing of the state of the upstream', () => {
    const text = sealRequestState(sealer, 'inner-secret', ALICE, NOW)
    expect(Buffer.from(text, 'base64url').toString('latin1')).not.toContain('inner-secret')
  })

  test('is good for ten minutes', () => {
    const text = sealRequestState(sealer, 'x', ALICE, NOW)
    expect(openRequestState(sealer, text, ALICE, NOW + 600)).toEqual({ ok: false, refusal: 'expired' })
  })

  test.each<[string, Partial<RequestStateBinding>]>([
    ['tenant', { tenant: 'other' }],
    ['user', { subject: 'mallory' }],
    ['client', { clientId: 'client-2' }],
    ['server', { server: 'mail' }],
    ['method', { method: 'prompts/get' }],
    ['tool', { name: 'list' }],
    ['tool: none', { name: null }],
    ['arguments', { argumentDigest: 'digest-2' }],
    ['split between members', { subject: 'alice","client-1', clientId: '' }],
  ])('does not open for another %s', (_what, change) => {
    const text = sealRequestState(sealer, 'x', ALICE, NOW)
    const opened = openRequestState(sealer, text, { ...ALICE, ...change }, NOW)
    expect(opened).toEqual({ ok: false, refusal: 'notForThisRequest' })
  })

  test('no change of any byte goes unnoticed', () => {
    const text = sealRequestState(sealer, 'state', ALICE, NOW)
    fc.assert(
      fc.property(fc.nat(Buffer.from(text, 'base64url').length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from(text, 'base64url')
        bytes[at] = (bytes[at] ?? 0) ^ flip
        expect(openRequestState(sealer, bytes.toString('base64url'), ALICE, NOW).ok).toBe(false)
      }),
    )
  })

  test.each([
    ['nothing', ''],
    ['no base64url', '!!!'],
    ['too short', 'AAAA'],
    ['the state of the upstream itself', 'upstream-state'],
  ])('%s does not open', (_what, text) => {
    expect(openRequestState(sealer, text, ALICE, NOW).ok).toBe(false)
  })

  test('has one spelling: padding, other alphabets and white space are refused', () => {
    const text = sealRequestState(sealer, 'state', ALICE, NOW)
    for (const spelling of [`${text}=`, ` ${text}`, `${text}\n`, `${text}!`]) {
      expect(openRequestState(sealer, spelling, ALICE, NOW)).toEqual({ ok: false, refusal: 'malformed' })
    }
  })

  test('is named the same each time it is opened, and no two are named alike', () => {
    const [one, other] = [sealRequestState(sealer, 'x', ALICE, NOW), sealRequestState(sealer, 'x', ALICE, NOW)]
    const idOf = (text: string) => {
      const opened = openRequestState(sealer, text, ALICE, NOW)
      return opened.ok ? opened.value.parkedId : opened.refusal
    }
    expect(idOf(one)).toBe(idOf(one))
    expect(idOf(one)).not.toBe(idOf(other))
  })

  test('a value that was sealed for another place does not open as one', () => {
    const foreign = Buffer.from(sealer.seal(Buffer.from('[9999999999,null]'), 'default|vault|1')).toString('base64url')
    expect(openRequestState(sealer, foreign, ALICE, NOW)).toEqual({ ok: false, refusal: 'notForThisRequest' })
  })
})

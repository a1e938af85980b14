import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import type { PresentedCertificate } from '#core/presented-certificate.ts'
import { NOTHING_REQUIRED } from '#policy/sender-rules.ts'
import { type DpopKey, dpopKey } from '../../../test/support/dpop-key.ts'
import { testSenders } from '../../../test/support/sender-rules.ts'
import { fakeClock } from '../../../test/support/tokens.ts'
import type { Confirmation } from '../principal.ts'
import { createProofNonces } from './proof-nonces.ts'
import { createProofRate, type ProofRate } from './proof-rate.ts'

const clock = fakeClock()
const URL_HERE = 'https://mcp.example.com/mcp/files'

function world({ rate }: { readonly rate?: ProofRate } = {}) {
  const nonceKey = new Uint8Array(32)
  const used = new Map<string, number>()
  const usedProofs = {
    use: async (_: unknown, id: string, expiresAt: number) => {
      if (used.has(id)) return 'used' as const
      used.set(id, expiresAt)
      return 'fresh' as const
    },
  }
  const senders = testSenders({ usedProofs, clock, nonceKey, ...(rate === undefined ? {} : { rate }) })
  const check = (
    confirmation: Confirmation | null,
    more: { readonly scheme?: 'bearer' | 'dpop'; readonly proof?: string; readonly certificate?: PresentedCertificate },
  ) =>
    senders.check(
      { tenant: DEFAULT_TENANT, confirmation },
      {
        scheme: more.scheme ?? 'bearer',
        token: 'token',
        proof: more.proof ?? null,
        method: 'POST',
        url: URL_HERE,
        certificate: more.certificate ?? null,
      },
      NOTHING_REQUIRED,
    )
  return { used, check, nonces: createProofNonces(nonceKey, clock) }
}

const proofOf = (key: DpopKey, nonce: string, claims: Record<string, unknown> = {}) =>
  key.proof({ htu: URL_HERE, token: 'token', nonce, iat: clock.nowSeconds(), ...claims })

describe('certificates', () => {
  const certificate = (changes: Partial<PresentedCertificate> = {}): PresentedCertificate => ({
    x5t: 'one',
    pem: '',
    validFrom: clock.nowSeconds() - 60,
    validTo: clock.nowSeconds() + 60,
    isVouchedFor: false,
    ...changes,
  })

  it('the one that the token is bound to lets it in, while it is in force', async () => {
    const { check } = world()
    const bound = { jkt: null, x5t: 'one' }
    expect(await check(bound, { certificate: certificate() })).toMatchObject({ ok: true })
    for (const [changes, reason] of [
      [{ x5t: 'two' }, 'certificateMismatch'],
      [{ validTo: clock.nowSeconds() - 1 }, 'certificateExpired'],
      [{ validFrom: clock.nowSeconds() + 1 }, 'certificateExpired'],
    ] as const)
      expect(await check(bound, { certificate: certificate(changes) })).toMatchObject({
        ok: false,
        refusal: { kind: 'unproven', reason },
      })
  })
})

describe('used proofs', () => {
  it('are kept by key and jti, as a hash, for as long as their age would let them in', async () => {
    const { check, used, nonces } = world()
    const [one, two] = [await dpopKey(), await dpopKey()]
    for (const key of [one, two]) {
      const proof = await proofOf(key, nonces.current(), { jti: 'the same' })
      expect(await check({ jkt: key.jkt, x5t: null }, { scheme: 'dpop', proof })).toMatchObject({ ok: true })
    }
    const id = (key: DpopKey) => createHash('sha256').update(`${key.jkt} the same`).digest('base64url')
    expect([...used]).toEqual([
      [id(one), clock.nowSeconds() + 301],
      [id(two), clock.nowSeconds() + 301],
    ])
  })

  it('are not kept where the proof was refused', async () => {
    const { check, used, nonces } = world()
    const [one, two] = [await dpopKey(), await dpopKey()]
    const bound = { jkt: one.jkt, x5t: null }
    for (const proof of [
      await proofOf(two, nonces.current()),
      await proofOf(one, 'A'.repeat(43)),
      await two.proof(
        { htu: URL_HERE, token: 'token', nonce: nonces.current(), iat: clock.nowSeconds() },
        { jwk: one.jwk },
      ),
    ])
      expect((await check(bound, { scheme: 'dpop', proof })).ok).toBe(false)
    expect(used.size).toBe(0)
  })
})

describe('nonces', () => {
  it('are the same for everybody with the key, and after a restart; another key makes others', async () => {
    const key = new Uint8Array(32).fill(7)
    const one = createProofNonces(key, clock)
    expect(createProofNonces(key, clock).current()).toBe(one.current())
    expect(createProofNonces(key, clock).isGood(one.current())).toBe(true)
    expect(createProofNonces(new Uint8Array(32), clock).isGood(one.current())).toBe(false)
  })

  it('change every minute, and the old ones are good for three to four', () => {
    const moving = fakeClock(1_800_000_000_000)
    const nonces = createProofNonces(new Uint8Array(32), moving)
    const first = nonces.current()
    moving.advanceMs(60_000)
    expect(nonces.current()).not.toBe(first)
    moving.advanceMs(179_999)
    expect(nonces.isGood(first)).toBe(true)
    moving.advanceMs(1)
    expect(nonces.isGood(first)).toBe(false)
  })
})

describe('the rate of proofs', () => {
  it('is 12,000 a minute for one key, is nobody else’s, and comes back with time', () => {
    const moving = fakeClock()
    const rate = createProofRate(moving)
    for (let count = 0; count < 12_000; count += 1) expect(rate.draw('busy')).toBe(0)
    expect(rate.draw('busy')).toBe(1)
    expect(rate.draw('quiet')).toBe(0)
    moving.advanceMs(1_000)
    expect(rate.draw('busy')).toBe(0)
  })

  it('is told to the caller, and nobody without the key uses it up', async () => {
    const drawn: string[] = []
    const rate = { draw: (jkt: string) => drawn.push(jkt) }
    const { check, used, nonces } = world({ rate })
    const [key, thief] = [await dpopKey(), await dpopKey()]
    const bound = { jkt: key.jkt, x5t: null }
    const forged = await thief.proof(
      { htu: URL_HERE, token: 'token', nonce: nonces.current(), iat: clock.nowSeconds() },
      { jwk: key.jwk },
    )
    await check(bound, { scheme: 'dpop', proof: forged })
    expect(drawn).toEqual([])
    expect(await check(bound, { scheme: 'dpop', proof: await proofOf(key, nonces.current()) })).toEqual({
      ok: false,
      refusal: { kind: 'tooMany', retryAfterSeconds: 1 },
    })
    expect([drawn, used.size]).toEqual([[key.jkt], 0])
  })
})

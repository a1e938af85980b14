import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { systemRandom } from '#core/random.ts'
import { createSealer, openSealer, SealBroken } from './sealer.ts'

const key = Uint8Array.from({ length: 32 }, (_, i) => i)
const place = 'default|accessToken|kid-1'

it('what was sealed opens in its place and nowhere else', () => {
  const sealer = createSealer(key, systemRandom)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.string(), (plaintext, here, elsewhere) => {
      const sealed = sealer.seal(plaintext, here)
      expect(sealer.open(sealed, here)).toEqual(plaintext)
      if (here !== elsewhere) expect(() => sealer.open(sealed, elsewhere)).toThrow(SealBroken)
    }),
  )
})

it('any changed, missing or added byte breaks the seal, the format and key id included', () => {
  const sealer = createSealer(key, systemRandom)
  const sealed = sealer.seal(Buffer.from('the secret'), place)
  for (let i = 0; i < sealed.length; i += 1) {
    const changed = sealed.slice()
    changed[i] = (changed[i] ?? 0) ^ 1
    expect(() => sealer.open(changed, place), `byte ${i}`).toThrow(SealBroken)
    expect(() => sealer.open(sealed.subarray(0, i), place), `cut to ${i}`).toThrow(SealBroken)
  }
  expect(() => sealer.open(Buffer.concat([sealed, Buffer.from([0])]), place)).toThrow(SealBroken)
})

it('another key does not open it', () => {
  const sealed = createSealer(key, systemRandom).seal(Buffer.from('x'), place)
  expect(() => createSealer(new Uint8Array(32), systemRandom).open(sealed, place)).toThrow(SealBroken)
})

it('the same value sealed twice looks different and shows nothing of itself', () => {
  const sealer = createSealer(key, systemRandom)
  const [first, second] = [
    sealer.seal(Buffer.from('plain words'), place),
    sealer.seal(Buffer.from('plain words'), place),
  ]
  expect(first).not.toEqual(second)
  expect(Buffer.from(first).includes('plain')).toBe(false)
})

it('seals as docs/specs/sealed-value.md says (vector)', () => {
  const sealer = createSealer(key, { bytes: (count) => new Uint8Array(count).fill(7) })
  expect(Buffer.from(sealer.seal(Buffer.from('Sallyport'), place)).toString('hex')).toBe(
    '01a27bbe2ce56c24d5070707070707070707070707da00bbd92260ffb1bcbdcb20c7f5e79d4d576400b948c8eafe',
  )
})

it('the key file is made once, for its owner alone, and found again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-keys-'))
  const file = join(folder, 'state', 'seal.key')
  const sealed = (await openSealer(file)).seal(Buffer.from('kept'), place)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await stat(file)).size).toBe(32)
  expect(Buffer.from((await openSealer(file)).open(sealed, place)).toString()).toBe('kept')
  await writeFile(file, new Uint8Array(16))
  await expect(openSealer(file)).rejects.toThrow('32 bytes')
  await rm(folder, { recursive: true })
})

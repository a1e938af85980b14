import { describe, expect, it } from 'vitest'
import { createCheckpointSigner, openCheckpoint } from './checkpoint.ts'

const seed = Buffer.alloc(32, 7)
const root = Buffer.alloc(32, 1)
// SHA-256 of the public key of this seed begins so; computed once with another implementation (openssl).
const ORIGIN = 'sallyport/log/fe812c12f3ab4ce6/default'

describe('checkpoints (C2SP tlog-checkpoint)', () => {
  it('is a signed note of three lines, an empty line and a signature', () => {
    const note = createCheckpointSigner(seed, 'default').sign(42, root)
    expect(note.split('\n').slice(0, 4)).toEqual([ORIGIN, '42', 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=', ''])
    expect(note).toMatch(/\n— sallyport\/log\/[0-9a-f]{16}\/default [A-Za-z0-9+/=]+\n$/)
  })

  it('opens with its verifier key and tells what it vouches for', () => {
    const signer = createCheckpointSigner(seed, 'default')
    expect(openCheckpoint(signer.sign(42, root), signer.verifierKey)).toEqual({
      origin: ORIGIN,
      size: 42,
      root,
    })
  })

  it('is refused when anything in it was changed, or another key signed it', () => {
    const signer = createCheckpointSigner(seed, 'default')
    const stranger = createCheckpointSigner(Buffer.alloc(32, 8), 'default')
    const note = signer.sign(42, root)
    for (const forged of [
      note.replace('\n42\n', '\n43\n'),
      note.replace('AQEB', 'AQEC'),
      note.replace('sallyport/log', 'sallyport/other'),
      note.replace(/— .*/, ''),
      note.replaceAll('/default', '/other'),
      stranger.sign(42, root),
      '',
    ]) {
      expect(openCheckpoint(forged, signer.verifierKey)).toHaveProperty('problem')
    }
    expect(openCheckpoint(note, 'nonsense')).toHaveProperty('problem')
  })
})

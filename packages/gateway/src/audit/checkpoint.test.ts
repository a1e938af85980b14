import { describe, expect, it } from 'vitest'
import { createCheckpointSigner, openCheckpoint } from './checkpoint.ts'

const seed = Buffer.alloc(32, 7)
const root = Buffer.alloc(32, 1)

describe('checkpoints (C2SP tlog-checkpoint)', () => {
  it('is a signed note of three lines, an empty line and a signature', () => {
    const note = createCheckpointSigner(seed, 'gateway.example/log/default').sign(42, root)
    expect(note.split('\n').slice(0, 4)).toEqual([
      'gateway.example/log/default',
      '42',
      'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=',
      '',
    ])
    expect(note).toMatch(/\n— gateway\.example\/log\/default [A-Za-z0-9+/=]+\n$/)
  })

  it('opens with its verifier key and tells what it vouches for', () => {
    const signer = createCheckpointSigner(seed, 'gateway.example/log/default')
    expect(openCheckpoint(signer.sign(42, root), signer.verifierKey)).toEqual({
      origin: 'gateway.example/log/default',
      size: 42,
      root,
    })
  })

  it('is refused when anything in it was changed, or another key signed it', () => {
    const signer = createCheckpointSigner(seed, 'gateway.example/log/default')
    const stranger = createCheckpointSigner(Buffer.alloc(32, 8), 'gateway.example/log/default')
    const note = signer.sign(42, root)
    for (const forged of [
      note.replace('\n42\n', '\n43\n'),
      note.replace('AQEB', 'AQEC'),
      note.replace('gateway.example', 'gateway.example.evil'),
      note.replace(/— .*/, ''),
      note.replaceAll('gateway.example/log/default', 'gateway.example/log/other'),
      stranger.sign(42, root),
      '',
    ]) {
      expect(openCheckpoint(forged, signer.verifierKey)).toHaveProperty('problem')
    }
    expect(openCheckpoint(note, 'nonsense')).toHaveProperty('problem')
  })
})

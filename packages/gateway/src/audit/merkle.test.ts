import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { leafHash, MerkleFrontier } from './merkle.ts'

/** RFC 6962 §2.1, as written there: split at the largest power of two below n. */
function rootByDefinition(leaves: readonly Buffer[]): Buffer {
  const sha = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
  if (leaves.length === 0) return sha()
  if (leaves.length === 1) return sha(Buffer.from([0]), leaves[0] as Buffer)
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1))
  return sha(Buffer.from([1]), rootByDefinition(leaves.slice(0, split)), rootByDefinition(leaves.slice(split)))
}

describe('Merkle tree (RFC 6962 §2.1)', () => {
  it('knows the roots published for the reference entries', () => {
    // Test vectors of the Certificate Transparency reference implementation (google/certificate-transparency, merkle_tree_test).
    const entries = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
    const frontier = new MerkleFrontier()
    for (const entry of entries) frontier.append(leafHash(Buffer.from(entry, 'hex')))
    expect(frontier.root().toString('hex')).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
    expect(new MerkleFrontier().root().toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    )
  })

  it('agrees with the definition for every size', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 70 }), (data) => {
        const frontier = new MerkleFrontier()
        for (const leaf of data) frontier.append(leafHash(leaf))
        expect(frontier.root()).toEqual(rootByDefinition(data.map((leaf) => Buffer.from(leaf))))
        expect(frontier.size).toBe(data.length)
      }),
    )
  })
})

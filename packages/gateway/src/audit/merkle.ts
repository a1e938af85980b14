import { hash } from 'node:crypto'

/** RFC 6962 §2.1 hashing. Leaves and nodes have different prefixes, so that neither can pass for the other. */
export function leafHash(data: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([LEAF_PREFIX, data]), 'buffer')
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([NODE_PREFIX, left, right]), 'buffer')
}

const LEAF_PREFIX = Buffer.from([0])
const NODE_PREFIX = Buffer.from([1])

/**
 * The right edge of a growing tree: one hash per complete subtree, largest first, sizes being the binary digits of `size`.
 * Enough to append leaves and to know the root; O(log n) memory.
 */
export class MerkleFrontier {
  #size = 0
  readonly #subtrees: { readonly height: number; readonly hash: Buffer }[] = []

  get size(): number {
    return this.#size
  }

  append(leaf: Buffer): void {
    let height = 0
    let hash = leaf
    for (let last = this.#subtrees.at(-1); last?.height === height; last = this.#subtrees.at(-1)) {
      this.#subtrees.pop()
      hash = nodeHash(last.hash, hash)
      height += 1
    }
    this.#subtrees.push({ height, hash })
    this.#size += 1
  }

  /** Root of all leaves so far; of the empty tree, the hash of nothing (RFC 6962 §2.1). */
  root(): Buffer {
    let root: Buffer | null = null
    for (const subtree of this.#subtrees.toReversed())
      root = root === null ? subtree.hash : nodeHash(subtree.hash, root)
    return root ?? hash('sha256', '', 'buffer')
  }
}

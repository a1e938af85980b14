import { type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemErrorCode } from '#core/system-error.ts'
import { MerkleFrontier } from './merkle.ts'

const HASH_BYTES = 32
const READ_BYTES = HASH_BYTES * 4096

/**
 * The leaf hashes of the log, 32 bytes each, in order, in a file beside the store: the tree's own memory.
 * Because it is apart from the records, a record changed in the store no longer fits its leaf and can be named.
 */
export class TreeFile {
  readonly #file: FileHandle
  readonly frontier: MerkleFrontier

  private constructor(file: FileHandle, frontier: MerkleFrontier) {
    this.#file = file
    this.frontier = frontier
  }

  /** Opens or creates the file (0600) and rebuilds the tree's right edge. A torn last hash (crash while appending) is cut off. */
  static async open(path: string): Promise<TreeFile> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const file = await open(path, 'a+', 0o600)
    const frontier = new MerkleFrontier()
    const buffer = Buffer.alloc(READ_BYTES)
    for (let at = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, at)
      const whole = bytesRead - (bytesRead % HASH_BYTES)
      for (let offset = 0; offset < whole; offset += HASH_BYTES) {
        frontier.append(Buffer.from(buffer.subarray(offset, offset + HASH_BYTES)))
      }
      at += whole
      if (bytesRead < READ_BYTES) {
        if (bytesRead !== whole) await file.truncate(at)
        return new TreeFile(file, frontier)
      }
    }
  }

  /** How many leaves the file at this path holds; 0 if there is none. */
  static async sizeOf(path: string): Promise<number> {
    try {
      return Math.floor((await stat(path)).size / HASH_BYTES)
    } catch (cause) {
      if (systemErrorCode(cause) === 'ENOENT') return 0
      throw cause
    }
  }

  /** Durable when it resolves. */
  async append(leaves: readonly Buffer[]): Promise<void> {
    if (leaves.length === 0) return
    try {
      await this.#file.appendFile(Buffer.concat(leaves))
      await this.#file.datasync()
    } catch (cause) {
      // Half a batch (disk full) would shift every later leaf; what is not whole goes.
      await this.#file.truncate(this.frontier.size * HASH_BYTES)
      throw cause
    }
    for (const leaf of leaves) this.frontier.append(leaf)
  }

  /** Leaf hashes from a position on, at most `count`. */
  async read(from: number, count: number): Promise<Buffer[]> {
    const buffer = Buffer.alloc(count * HASH_BYTES)
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, from * HASH_BYTES)
    const leaves: Buffer[] = []
    for (let at = 0; at + HASH_BYTES <= bytesRead; at += HASH_BYTES) leaves.push(buffer.subarray(at, at + HASH_BYTES))
    return leaves
  }

  /** Root of the first `size` leaves as the file has them. */
  async rootAt(size: number): Promise<Buffer> {
    if (size === this.frontier.size) return this.frontier.root()
    const frontier = new MerkleFrontier()
    while (frontier.size < size) {
      const leaves = await this.read(frontier.size, Math.min(READ_BYTES / HASH_BYTES, size - frontier.size))
      if (leaves.length === 0) break
      for (const leaf of leaves) frontier.append(Buffer.from(leaf))
    }
    return frontier.root()
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

import { OutboundFailure } from './outbound-failure.ts'

/** Bytes of a body that are read ahead of its consumer. With the socket's own buffer this bounds what a stalled reader costs. */
const READ_AHEAD_BYTES = 64 * 1024

/**
 * The body at its reader's pace: not reading pauses the upstream. Iterate it once, or take it whole, or `destroy` it; a body that is neither
 * read to its end nor destroyed holds a connection. Breaking out of the iteration destroys it. Reading rejects with `OutboundFailure`.
 */
export interface UpstreamBody extends AsyncIterable<Uint8Array> {
  /** All of it; null, and the rest unread, when it is longer than `bytesMax`. */
  whole(bytesMax: number): Promise<Uint8Array | null>
  destroy(): void
}

/** The connection that a body comes from, as far as the body has a say in it. */
export interface BodySource {
  pause(): void
  resume(): void
  abort(): void
}

/** A body between the connection that fills it and the one reader who empties it. */
export class IncomingBody implements UpstreamBody {
  readonly #source: BodySource
  #chunks: Uint8Array[] = []
  #heldBytes = 0
  #isPaused = false
  #end: 'open' | 'whole' | OutboundFailure = 'open'
  #isUnwanted = false
  #wake: (() => void) | null = null

  constructor(source: BodySource) {
    this.#source = source
  }

  push(chunk: Uint8Array): void {
    if (this.#isUnwanted || this.#end !== 'open') return
    this.#chunks.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes > READ_AHEAD_BYTES && !this.#isPaused) {
      this.#isPaused = true
      this.#source.pause()
    }
    this.#wakeReader()
  }

  /** No more comes, or it broke off: its reader hears of that after what had come. The first word counts. */
  finish(end: 'whole' | OutboundFailure): void {
    if (this.#end !== 'open') return
    this.#end = end
    this.#wakeReader()
  }

  destroy(): void {
    if (this.#isUnwanted) return
    this.#isUnwanted = true
    this.#chunks = []
    if (this.#end === 'open') this.#source.abort()
    this.#wakeReader()
  }

  async whole(bytesMax: number): Promise<Uint8Array | null> {
    const chunks: Uint8Array[] = []
    let size = 0
    for (;;) {
      const chunk = this.#take() ?? (await this.#next())
      if (chunk === null) {
        // Destroyed meanwhile: what had come is not all of it.
        if (this.#end !== 'whole') throw new OutboundFailure('aborted')
        return chunks.length === 1 ? (chunks[0] ?? null) : Buffer.concat(chunks, size)
      }
      size += chunk.length
      if (size > bytesMax) {
        this.destroy()
        return null
      }
      chunks.push(chunk)
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    try {
      for (;;) {
        const chunk = this.#take() ?? (await this.#next())
        if (chunk === null) return
        yield chunk
      }
    } finally {
      this.destroy()
    }
  }

  /** Null at the end. */
  async #next(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.#take()
      if (chunk !== null) return chunk
      if (this.#end === 'whole' || this.#isUnwanted) return null
      if (this.#end !== 'open') throw this.#end
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }

  #take(): Uint8Array | null {
    const chunk = this.#chunks.shift()
    if (chunk === undefined) return null
    this.#heldBytes -= chunk.length
    if (this.#isPaused && this.#heldBytes <= READ_AHEAD_BYTES) {
      this.#isPaused = false
      this.#source.resume()
    }
    return chunk
  }

  #wakeReader(): void {
    this.#wake?.()
    this.#wake = null
  }
}

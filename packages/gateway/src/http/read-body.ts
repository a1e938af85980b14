import type { IncomingMessage } from 'node:http'
import { ok, type Result, refused } from '#core/result.ts'

/** A body that drips is given up on after this long, whatever its size. */
const BODY_TIMEOUT_MS = 15_000

/**
 * Reads a whole request body of at most `bytesMax` bytes.
 * On any refusal the rest of the body is not read; the caller answers and closes the connection.
 */
export async function readBody(
  request: IncomingMessage,
  bytesMax: number,
  timeoutMs: number = BODY_TIMEOUT_MS,
): Promise<Result<Uint8Array, 'tooLarge' | 'aborted' | 'timedOut'>> {
  const declared = request.headers['content-length']
  if (declared !== undefined && Number(declared) > bytesMax) return refused('tooLarge')
  // Neither event below would come any more.
  if (request.destroyed || request.readableEnded) return refused('aborted')
  return new Promise((resolve) => {
    const body = new GrowingBuffer()
    const finish = (result: Result<Uint8Array, 'tooLarge' | 'aborted' | 'timedOut'>) => {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('error', onAbort).off('close', onAbort)
      if (!result.ok) request.pause()
      resolve(result)
    }
    const onData = (chunk: Buffer) => {
      if (body.size + chunk.length > bytesMax) finish(refused('tooLarge'))
      else body.add(chunk)
    }
    const onEnd = () => finish(ok(body.whole()))
    const onAbort = () => finish(refused('aborted'))
    const timer = setTimeout(() => finish(refused('timedOut')), timeoutMs)
    request.on('data', onData).on('end', onEnd).on('error', onAbort).on('close', onAbort)
  })
}

/**
 * False for a body that would have to be inflated or unwrapped: that is work a stranger gets for free, and read as it came it would mean
 * something else than to whoever unwraps it.
 */
export function isPlainBody({ headers }: IncomingMessage): boolean {
  const transfer = headers['transfer-encoding']?.toLowerCase() ?? 'chunked'
  return transfer === 'chunked' && (headers['content-encoding']?.toLowerCase() ?? 'identity') === 'identity'
}

/** Bytes in one piece that doubles when it is full. A list of pieces would cost a hundred bytes for each byte that is sent alone. */
class GrowingBuffer {
  #held: Buffer = Buffer.alloc(0)
  #size = 0

  get size(): number {
    return this.#size
  }

  add(piece: Buffer): void {
    const size = this.#size + piece.length
    // Most bodies come in one piece, which is kept as it is.
    if (this.#size === 0) this.#held = piece
    else {
      if (size > this.#held.length) this.#held = grown(this.#held, this.#size, Math.max(size, 2 * this.#size))
      piece.copy(this.#held, this.#size)
    }
    this.#size = size
  }

  whole(): Buffer {
    return this.#held.subarray(0, this.#size)
  }
}

function grown(held: Buffer, size: number, capacity: number): Buffer {
  const larger = Buffer.allocUnsafe(capacity)
  held.copy(larger, 0, 0, size)
  return larger
}

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
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const finish = (result: Result<Uint8Array, 'tooLarge' | 'aborted' | 'timedOut'>) => {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('error', onAbort).off('close', onAbort)
      if (!result.ok) request.pause()
      resolve(result)
    }
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > bytesMax) finish(refused('tooLarge'))
      else chunks.push(chunk)
    }
    const onEnd = () => finish(ok(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
    const onAbort = () => finish(refused('aborted'))
    const timer = setTimeout(() => finish(refused('timedOut')), timeoutMs)
    request.on('data', onData).on('end', onEnd).on('error', onAbort).on('close', onAbort)
  })
}

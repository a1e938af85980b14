import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'

const WRITES = 400
const BYTES = 4_096

export interface Fdatasync {
  readonly p50Ms: number
  readonly p99Ms: number
}

/** What making 4 KiB durable costs in this folder, in ms: every recorded call waits for it once. */
export async function probeFdatasync(folder: string): Promise<Fdatasync> {
  const name = join(folder, 'fdatasync-probe')
  const file = await open(name, 'a', 0o600)
  const times: number[] = []
  try {
    for (let count = 0; count < WRITES; count += 1) {
      await file.write(Buffer.alloc(BYTES, count % 256))
      const beganMs = performance.now()
      await file.datasync()
      times.push(performance.now() - beganMs)
    }
  } finally {
    await file.close()
    await rm(name)
  }
  times.sort((a, b) => a - b)
  return { p50Ms: times[WRITES / 2] ?? 0, p99Ms: times[Math.floor(WRITES * 0.99)] ?? 0 }
}

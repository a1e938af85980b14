import { ok, type Result, refused } from '#core/result.ts'

/** Each takes 19 MiB and one of the four threads that files and names also need. */
export const HASHES_RUNNING_MAX = 2
/** At about 30 ms each, the last in line waits about half a second. */
export const HASHES_WAITING_MAX = 32

/** Lets only so many password hashes run at once; refuses when too many wait. */
export interface HashQueue {
  run<T>(work: () => Promise<T>): Promise<Result<T, 'busy'>>
}

export function createHashQueue(
  limits: { readonly runningMax: number; readonly waitingMax: number } = {
    runningMax: HASHES_RUNNING_MAX,
    waitingMax: HASHES_WAITING_MAX,
  },
): HashQueue {
  const waiting: (() => void)[] = []
  let running = 0
  return {
    async run(work) {
      if (running >= limits.runningMax) {
        if (waiting.length >= limits.waitingMax) return refused('busy')
        // The one that ends hands its place over, so `running` stays as it is.
        await new Promise<void>((resolve) => waiting.push(resolve))
      } else {
        running += 1
      }
      try {
        return ok(await work())
      } finally {
        const next = waiting.shift()
        if (next) next()
        else running -= 1
      }
    },
  }
}

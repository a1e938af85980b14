import { ok, type Result, refused } from './result.ts'

/** Lets only so many pieces of work run at once; refuses when too many wait. */
export interface WorkQueue {
  run<T>(work: () => Promise<T>): Promise<Result<T, 'busy'>>
}

export function createWorkQueue(limits: { readonly runningMax: number; readonly waitingMax: number }): WorkQueue {
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

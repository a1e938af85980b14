import { createWorkQueue, type WorkQueue } from '#core/work-queue.ts'

/** Each takes 19 MiB and one of the four threads that files and names also need. */
export const HASHES_RUNNING_MAX = 2
/** At about 30 ms each, the last in line waits about half a second. */
export const HASHES_WAITING_MAX = 32

/** Lets only so many password hashes run at once; refuses when too many wait. */
export type HashQueue = WorkQueue

export function createHashQueue(
  limits: { readonly runningMax: number; readonly waitingMax: number } = {
    runningMax: HASHES_RUNNING_MAX,
    waitingMax: HASHES_WAITING_MAX,
  },
): HashQueue {
  return createWorkQueue(limits)
}

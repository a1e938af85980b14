import type { Clock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import type { Store } from '#store/ports/store.ts'

const EVERY_MS = 30_000
/** Rows removed per round, so that a backlog never holds the store for long. */
const ROWS_MAX = 500

/** Forgets limits that have refilled, a bounded piece at a time. Answers how to stop. (The authorization server collects its own documents.) */
export function startHousekeeping(store: Store, clock: Clock, log: Log): () => void {
  const timer = setInterval(() => {
    store.limits
      .collectIdle(clock.nowMs(), ROWS_MAX)
      .catch((cause: unknown) => log.warn('idle limits could not be removed', { cause }))
  }, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

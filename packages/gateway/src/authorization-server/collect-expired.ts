import type { Clock } from '#core/clock.ts'
import type { EnginePort } from '#store/ports/engine.ts'

const INTERVAL_MS = 60_000
/** Deleted in one transaction, so that a backlog does not hold up token requests. */
const BATCH = 500
const BATCHES_MAX = 20

export interface Collector {
  /** Waits for a round under way. */
  stop(): Promise<void>
}

/** Deletes expired engine documents every minute, in bounded batches. A failed round is not lost: the next one does its work. */
export function startCollector(engine: EnginePort, clock: Clock): Collector {
  let round: Promise<void> = Promise.resolve()
  let isRunning = false
  const timer = setInterval(() => {
    if (isRunning) return
    isRunning = true
    round = collectExpired(engine, clock)
      .then(
        () => undefined,
        // The store is broken or closed; requests notice and say so.
        () => undefined,
      )
      .finally(() => {
        isRunning = false
      })
  }, INTERVAL_MS)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await round
    },
  }
}

export async function collectExpired(engine: EnginePort, clock: Clock): Promise<number> {
  let total = 0
  for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
    const deleted = await engine.collectExpired(clock.nowSeconds(), BATCH)
    total += deleted
    if (deleted < BATCH) break
  }
  return total
}

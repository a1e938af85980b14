/** The one source of time. Wall time for stamps and expiry, monotonic time for durations. */
export interface Clock {
  /** Seconds since the epoch, whole. */
  nowSeconds(): number
  /** Milliseconds since the epoch. */
  nowMs(): number
  /** Milliseconds on a clock that never goes back; only differences mean anything. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  nowSeconds: () => Math.floor(Date.now() / 1000),
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

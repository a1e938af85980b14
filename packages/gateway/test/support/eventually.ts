import { vi } from 'vitest'

/** A machine that runs the rest of the gate at the same time may take this long for what otherwise takes a moment. */
const PATIENCE_MS = 10_000

/** Waits until `check` no longer throws; its last complaint is the test's. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: PATIENCE_MS, interval: 20 })
}

import type { LoginChecks } from '#authorization-server/login/provider/login-checks.ts'
import type { Log } from '#core/log.ts'

const EVERY_MS = 30_000

/** Has the providers asked again about whoever is due, a round at a time. Answers how to stop: after the round under way. */
export function startCheckingLogins(checks: Pick<LoginChecks, 'round'>, log: Log): { close(): Promise<void> } {
  let round: Promise<void> | null = null
  const timer = setInterval(() => {
    round ??= checks
      .round()
      .catch((cause: unknown) => log.warn('providers could not be asked again about logins', { cause }))
      .finally(() => {
        round = null
      })
  }, EVERY_MS)
  timer.unref()
  return {
    close: async () => {
      clearInterval(timer)
      await round
    },
  }
}

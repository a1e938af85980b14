import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { Store } from '#store/ports/store.ts'

const EVERY_MS = 30_000
/** Rows removed per round, so that a backlog never holds the store for long. */
const ROWS_MAX = 500
/** Used proofs removed per round: as fast as seven agents at the highest rate of proofs make them. */
const PROOF_ROWS_MAX = 2_000
const PROOF_PIECES_MAX = 20
/** A client that nobody has approved for so long may register again; until then it takes a place of `registration.clientsMax`. */
const PENDING_SECONDS_MAX = 7 * 24 * 3600

export interface HousekeepingDependencies {
  readonly store: Pick<Store, 'clients' | 'limits' | 'usedProofs'>
  readonly tenant: TenantId
  readonly audit: Pick<AuditTrail, 'record'>
  readonly clock: Clock
  readonly log: Log
}

/**
 * Forgets what has had its time, a bounded piece at a time: limits that have refilled, proofs that are too old to be used again, and
 * registrations that nobody approved. Answers how to stop. (The authorization server collects its own documents.)
 */
export function startHousekeeping(dependencies: HousekeepingDependencies): () => void {
  const { log } = dependencies
  const timer = setInterval(() => {
    forgetLimits(dependencies).catch((cause: unknown) => log.warn('idle limits could not be removed', { cause }))
    forgetProofs(dependencies).catch((cause: unknown) => log.warn('used proofs could not be removed', { cause }))
    forgetPending(dependencies).catch((cause: unknown) => log.warn('old registrations could not be removed', { cause }))
  }, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

async function forgetLimits({ store, clock }: HousekeepingDependencies): Promise<void> {
  await store.limits.collectIdle(clock.nowMs(), ROWS_MAX)
}

/** Several pieces a round: a busy agent leaves thousands of proofs between two rounds. */
async function forgetProofs({ store, clock }: HousekeepingDependencies): Promise<void> {
  for (let piece = 0; piece < PROOF_PIECES_MAX; piece += 1)
    if ((await store.usedProofs.collectExpired(clock.nowSeconds(), PROOF_ROWS_MAX)) < PROOF_ROWS_MAX) return
}

async function forgetPending({ store, tenant, audit, clock }: HousekeepingDependencies): Promise<void> {
  const count = await store.clients.collectPending(tenant, clock.nowSeconds() - PENDING_SECONDS_MAX, ROWS_MAX)
  if (count === 0) return
  await audit.record({
    tenant,
    activity: 'client.remove',
    outcome: 'success',
    reason: 'pendingTooLong',
    requestId: null,
    detail: { count },
  })
}

import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { SnapshotSource } from '#core/snapshot.ts'
import type { Store } from '#store/ports/store.ts'

const EVERY_MS = 30_000
/** Rows removed per round, so that a backlog never holds the store for long. */
const ROWS_MAX = 500
/** Each in a transaction of its own, with its record. */
const UNUSED_MAX = 50
const DAY_SECONDS = 24 * 3600
/** Used proofs removed per round: as fast as seven agents at the highest rate of proofs make them. */
const PROOF_ROWS_MAX = 2_000
const PROOF_PIECES_MAX = 20
/** A client that nobody has approved for so long may register again; until then it takes a place of `registration.clientsMax`. */
const PENDING_SECONDS_MAX = 7 * 24 * 3600

export interface HousekeepingDependencies {
  readonly store: Pick<Store, 'clients' | 'limits' | 'providerLogins' | 'usedProofs'>
  readonly tenant: TenantId
  readonly snapshots: Pick<SnapshotSource, 'current'>
  readonly audit: Pick<AuditTrail, 'entry' | 'record'>
  readonly clock: Clock
  readonly log: Log
}

/**
 * Forgets what has had its time, a bounded piece at a time: limits that have refilled, proofs that are too old to be used again,
 * registrations that nobody approved, and clients that nobody uses. Answers how to stop. (The authorization server collects its own
 * documents.)
 */
export function startHousekeeping(dependencies: HousekeepingDependencies): () => void {
  const { log } = dependencies
  const timer = setInterval(() => {
    forgetLimits(dependencies).catch((cause: unknown) => log.warn('idle limits could not be removed', { cause }))
    forgetUnused(dependencies).catch((cause: unknown) => log.warn('unused clients could not be removed', { cause }))
    forgetProofs(dependencies).catch((cause: unknown) => log.warn('used proofs could not be removed', { cause }))
    forgetLogins(dependencies).catch((cause: unknown) =>
      log.warn('logins that are over could not be removed', { cause }),
    )
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

async function forgetLogins({ store, clock }: HousekeepingDependencies): Promise<void> {
  await store.providerLogins.collect(clock.nowSeconds(), ROWS_MAX)
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

/** What was read of a client is judged again where it is removed: one that somebody begins to use meanwhile stays. */
async function forgetUnused({ store, tenant, snapshots, audit, clock }: HousekeepingDependencies): Promise<void> {
  const { registration, version } = snapshots.current()
  if (registration.unusedDays === 0) return
  const now = clock.nowSeconds()
  const unusedSince = now - registration.unusedDays * DAY_SECONDS
  for (const clientId of await store.clients.listUnused(tenant, unusedSince, now, UNUSED_MAX)) {
    const entry = audit.entry({
      tenant,
      activity: 'client.remove',
      outcome: 'success',
      reason: 'unusedTooLong',
      requestId: null,
      decision: { config: version },
      detail: { target: clientId },
    })
    await store.clients.removeUnused(tenant, clientId, unusedSince, now, [entry])
  }
}

import type { Sequencer } from '#audit/sequencer.ts'
import { settleReplica } from '#audit/settle-interrupted-calls.ts'
import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { AuditPort } from '#store/ports/audit.ts'
import type { ReplicasPort, StoredReplica } from '#store/ports/replicas.ts'
import type { Settling } from './settling.ts'

const LOOK_EVERY_MS = 1_000
/** A replica whose beats we have seen standing still for so long is dead, or as good as: it answers nobody whose call needs a record. */
const SILENT_MS = 20_000

export interface WatchSources {
  readonly replicas: ReplicasPort
  readonly port: AuditPort
  readonly trail: Pick<AuditTrail, 'entry'>
  readonly sequencer: Pick<Sequencer, 'settle' | 'isLeader'>
  readonly tenant: TenantId
  readonly clock: Clock
  readonly log: Log
}

/**
 * While this process leads the log: ends replicas that have fallen silent, and gives the calls of those that have ended their outcomes.
 * Silence is measured here, from beat to beat as we see them: after an outage of the store everybody has the same time to come back.
 */
export function watchReplicas(sources: WatchSources): Settling {
  const { replicas, tenant, sequencer, clock, log } = sources
  const stopping = new AbortController()
  const seen = new Map<string, { readonly beats: number; readonly sinceMs: number }>()

  const look = async (): Promise<void> => {
    if (!sequencer.isLeader) return seen.clear()
    const known = await replicas.list(tenant)
    const nowMs = clock.monotonicMs()
    for (const id of seen.keys()) if (known.every((replica) => replica.id !== id)) seen.delete(id)
    for (const replica of known) {
      if (replica.state === 'alive') {
        const before = seen.get(replica.id)
        if (before === undefined || before.beats !== replica.beats)
          seen.set(replica.id, { beats: replica.beats, sinceMs: nowMs })
        else if (nowMs - before.sinceMs >= SILENT_MS) {
          log.warn('a gateway on the same store has fallen silent and is taken for dead', { replica: replica.id })
          await replicas.end(tenant, replica.id)
        }
      } else await settle(replica)
    }
  }
  const settle = async (replica: StoredReplica): Promise<void> => {
    // What it recorded last may have no place yet.
    await sequencer.settle()
    const size = await sources.port.size(tenant)
    const calls = await settleReplica({ ...sources, replica, size, signal: stopping.signal })
    if (calls !== null && calls > 0)
      log.warn('calls that were under way when a gateway ended have the outcome unknown', {
        calls,
        replica: replica.id,
      })
  }

  let looking: Promise<void> | null = null
  const lookOnce = () => {
    looking ??= look()
      .catch((cause: unknown) => {
        if (!stopping.signal.aborted) log.debug('the replicas could not be looked at', { cause })
      })
      .finally(() => {
        looking = null
      })
  }
  lookOnce()
  const timer = setInterval(lookOnce, LOOK_EVERY_MS)
  timer.unref()
  return {
    stop: async () => {
      clearInterval(timer)
      stopping.abort()
      await looking
      // Whatever is left of others is for whoever leads next.
      return true
    },
  }
}

import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { Random } from '#core/random.ts'
import type { SnapshotSource } from '#core/snapshot.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { Store } from '#store/ports/store.ts'
import type { Interactions } from '../interactions.ts'
import type { HashQueue } from '../login/hash-queue.ts'
import type { OpenProvider } from '../login/provider/open-provider.ts'
import type { FormTokens } from './form-token.ts'

/** What every page handler gets. */
export interface PageContext {
  readonly interactions: Interactions
  readonly snapshots: SnapshotSource
  readonly store: Store
  readonly audit: AuditTrail
  readonly clock: Clock
  readonly random: Random
  readonly formTokens: FormTokens
  readonly hashQueue: HashQueue
  readonly sealer: Sealer
  readonly openProvider: OpenProvider
  /** Told when a handler failed: the reader sees only the 503 page. */
  readonly onFailure: (requestId: string, cause: unknown) => void
}

import type { CallAuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import type { Random } from '#core/random.ts'
import type { SnapshotSource } from '#core/snapshot.ts'
import type { AccessTokenVerifier } from '#identity/access-tokens.ts'
import type { LiveMemberships, Revocations } from '#identity/live-ports.ts'
import type { SenderCheck } from '#identity/sender/sender-check.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { FirstUses } from './authentication/first-uses.ts'
import type { DataPlaneLimits } from './limits.ts'
import type { Counterparts } from './modern/counterparts.ts'
import type { ListenerPlaces } from './modern/listener-places.ts'
import type { Outcome } from './modern/outcome.ts'
import type { ParkedOutcomes } from './modern/parked-outcomes.ts'
import type { RefusalBudget } from './refusal-budget.ts'
import type { SessionTable } from './sessions/session-table.ts'
import type { Connector } from './upstream/connect.ts'

/** What the steps of the road stand on. One per endpoint. */
export interface Road {
  readonly snapshots: SnapshotSource
  readonly verifier: AccessTokenVerifier
  readonly senders: SenderCheck
  readonly memberships: LiveMemberships
  readonly revocations: Revocations
  readonly audit: CallAuditTrail
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly limits: DataPlaneLimits
  readonly connector: Connector
  readonly sessions: SessionTable
  readonly firstUses: FirstUses
  readonly refusalBudget: RefusalBudget
  /** The other sides of clients that have no session. */
  readonly counterparts: Counterparts
  readonly sealer: Sealer
  readonly parked: ParkedOutcomes<Outcome>
  readonly listeners: ListenerPlaces
  readonly isClosing: () => boolean
}

import type { CallAuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import type { Random } from '#core/random.ts'
import type { SnapshotSource } from '#core/snapshot.ts'
import type { AccessTokenVerifier } from '#identity/access-tokens.ts'
import type { Memberships, Revocations } from '#identity/live-ports.ts'
import type { FirstUses } from './authentication/first-uses.ts'
import type { DataPlaneLimits } from './limits.ts'
import type { RefusalBudget } from './refusal-budget.ts'
import type { SessionTable } from './sessions/session-table.ts'
import type { Connector } from './upstream/connect.ts'

/** What the steps of the road stand on. One per endpoint. */
export interface Road {
  readonly snapshots: SnapshotSource
  readonly verifier: AccessTokenVerifier
  readonly memberships: Memberships
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
  readonly isClosing: () => boolean
}

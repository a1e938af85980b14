import { setTimeout as sleep } from 'node:timers/promises'
import type { CallAuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import type { Random } from '#core/random.ts'
import type { SnapshotSource } from '#core/snapshot.ts'
import type { Route } from '#http/exchange.ts'
import type { AccessTokenVerifier } from '#identity/access-tokens.ts'
import type { LiveMemberships, Revocations } from '#identity/live-ports.ts'
import type { SenderCheck } from '#identity/sender/sender-check.ts'
import type { Sealer } from '#keys/sealer.ts'
import { FirstUses } from './authentication/first-uses.ts'
import { DATA_PLANE_LIMITS, type DataPlaneLimits } from './limits.ts'
import { Counterparts } from './modern/counterparts.ts'
import { ListenerPlaces } from './modern/listener-places.ts'
import { type Outcome, sizeOfOutcome } from './modern/outcome.ts'
import { PARKED_LIMITS, ParkedOutcomes } from './modern/parked-outcomes.ts'
import { travel } from './pipeline.ts'
import { describeEvent } from './record.ts'
import { RefusalBudget } from './refusal-budget.ts'
import type { Road } from './road.ts'
import type { Session } from './sessions/session.ts'
import { SessionTable } from './sessions/session-table.ts'
import { isStillServed } from './sessions/still-stands.ts'
import { createConnector } from './upstream/connect.ts'

/** Longest wait at close for requests that are still being answered. */
const DRAIN_MS = 3_000

export interface McpEndpointDeps {
  readonly snapshots: SnapshotSource
  readonly verifier: AccessTokenVerifier
  /** Whether a token is shown by whom it was given to. */
  readonly senders: SenderCheck
  readonly memberships: LiveMemberships
  readonly revocations: Revocations
  readonly audit: CallAuditTrail
  readonly clock: Clock
  readonly random: Random
  /** Seals what clients carry for us between the rounds of a request. */
  readonly sealer: Sealer
  /** Private folders of child processes and users' folders are made under it. */
  readonly stateDir: string
  readonly log: Log
  /** PATH for child processes. */
  readonly searchPath?: string | undefined
  /** For tests; everything not named keeps its value. */
  readonly limits?: Partial<DataPlaneLimits> | undefined
}

export interface McpEndpoint {
  readonly routes: Route[]
  /**
   * Refuses what comes, ends every stream and session, and resolves when no child process is left. Rejects if requests were still being
   * answered after a while: their outcomes may be missing.
   */
  close(): Promise<void>
}

/** The MCP endpoint of every server: `P/mcp/{server}`. */
export function createMcpEndpoint(deps: McpEndpointDeps): McpEndpoint {
  const { snapshots, audit, clock, log, revocations } = deps
  const limits = { ...DATA_PLANE_LIMITS, ...deps.limits }
  const connector = createConnector({ stateDir: deps.stateDir, searchPath: deps.searchPath, limits, clock, log })
  let isClosing = false

  const endSession = async (session: Session, reason: string): Promise<void> => {
    await session.end(reason)
    const { principal, server, recordId } = session
    const context = { snapshot: snapshots.current(), requestId: null, principal, server: server.id, session: recordId }
    try {
      await audit.record(describeEvent(context, { activity: 'session.close', outcome: 'success', reason }))
    } catch (cause) {
      log.error('the end of a session could not be recorded', { server: server.id, cause })
    }
  }
  const sessions = new SessionTable(limits.sessionsMax, endSession)
  const firstUses = new FirstUses()
  const refusalBudget = new RefusalBudget(clock)
  const counterparts = new Counterparts({ connector, limits, clock, log })
  const parked = new ParkedOutcomes<Outcome>({ clock, ...PARKED_LIMITS, sizeOf: sizeOfOutcome })
  const listeners = new ListenerPlaces(limits.listenersMax)
  const road: Road = {
    ...deps,
    limits,
    connector,
    sessions,
    firstUses,
    refusalBudget,
    counterparts,
    parked,
    listeners,
    isClosing: () => isClosing,
  }

  const reap = setInterval(() => {
    void sessions.endWhere((session) => isForgotten(session, clock.nowMs()), 'idle')
    counterparts.reap()
  }, limits.reapEveryMs)
  reap.unref()
  const stopWatchingRevocations = revocations.onChange(() => {
    endRevoked(sessions, revocations)
    counterparts.endRevoked((principal) => revocations.isRevoked(principal))
  })
  const stopWatchingSnapshots = snapshots.onSwap((snapshot) => {
    void sessions.endWhere((session) => !isStillServed(session, snapshot), 'serverChanged')
    counterparts.endChanged(snapshot)
  })

  const underWay = new Set<Promise<void>>()
  const handler: Route['handler'] = async (exchange) => {
    const journey = travel(exchange, road)
    underWay.add(journey)
    try {
      await journey
    } finally {
      underWay.delete(journey)
    }
  }
  return {
    routes: ['POST', 'GET', 'DELETE'].map((method) => ({ method, path: '/mcp/:server', handler })),
    close: async () => {
      isClosing = true
      clearInterval(reap)
      stopWatchingRevocations()
      stopWatchingSnapshots()
      await Promise.all([sessions.endWhere(() => true, 'shutdown'), counterparts.close()])
      await connector.close()
      // Lost calls still write their outcomes; whoever closes the store afterwards must find them written.
      await Promise.race([Promise.allSettled(underWay), sleep(DRAIN_MS, undefined, { ref: false })])
      if (underWay.size > 0) throw new Error('requests were still being answered')
    },
  }
}

function isForgotten(session: Session, nowMs: number): boolean {
  return session.isIdle && nowMs - session.usedAtMs >= session.server.limits.idleSeconds * 1000
}

/** A session dies with the grant it was last used under; streams and calls of other grants that died are cut. */
function endRevoked(sessions: SessionTable, revocations: Revocations): void {
  void sessions.endWhere((session) => revocations.isRevoked(session.principal), 'grantRevoked')
  for (const { streams, link } of sessions.all()) {
    streams.endWhere((principal) => revocations.isRevoked(principal))
    link.endCalls(({ principal }) => revocations.isRevoked(principal), 'grantRevoked')
  }
}

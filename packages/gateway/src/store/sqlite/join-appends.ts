import type { AuditEntry, AuditPort } from '../ports/audit.ts'
import type { StoreCall } from './messages.ts'

/** Calls that are run as one. Joined ones answer alike; if they fail, each can still be run alone. */
export interface Unit {
  readonly calls: readonly StoreCall[]
  readonly run: () => Promise<unknown>
}

/**
 * Appends to the audit log say nothing to each other and all answer nothing, and under load they are most of what is written: those of a
 * group become one statement. Everything else stays a unit of its own, in its order.
 */
export function joinAppends(
  calls: readonly StoreCall[],
  run: (call: StoreCall) => () => Promise<unknown>,
  audit: Pick<AuditPort, 'append'>,
): readonly Unit[] {
  // Those by a replica that must be alive keep to themselves: only a store of many has them.
  const appends = calls.filter(
    ({ port, method, args }) => port === 'audit' && method === 'append' && args[1] === undefined,
  )
  if (appends.length < 2) return calls.map((call) => ({ calls: [call], run: run(call) }))
  // store-calls.ts passes on what the port's own signature took.
  const entries = appends.flatMap(({ args }) => args[0] as readonly AuditEntry[])
  const joined: Unit = { calls: appends, run: () => audit.append(entries) }
  const others = calls.filter((call) => !appends.includes(call))
  return [joined, ...others.map((call) => ({ calls: [call], run: run(call) }))]
}

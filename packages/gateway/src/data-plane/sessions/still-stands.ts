import type { Snapshot } from '#core/snapshot.ts'
import type { Revocations } from '#identity/live-ports.ts'
import { sameUpstream } from '../upstream/same-upstream.ts'
import type { Session } from './session.ts'

/** Why a session must not go on, or null: its server was taken out or leads elsewhere, or its grant was revoked. */
export function reasonToEnd(
  session: Session,
  snapshot: Snapshot,
  revocations: Revocations,
): 'serverChanged' | 'grantRevoked' | null {
  if (!isStillServed(session, snapshot)) return 'serverChanged'
  return revocations.isRevoked(session.principal) ? 'grantRevoked' : null
}

export function isStillServed(session: Session, snapshot: Snapshot): boolean {
  const server = snapshot.servers.get(session.server.id)
  return server !== undefined && sameUpstream(server.upstream, session.server.upstream)
}

import type { AuditTrail } from '#audit/trail.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { sendJson } from '#http/respond.ts'

/** RFC 7523 §3.1. Nobody has been authenticated, so equal ones share a record. */
export async function refuseAssertion(
  audit: Pick<AuditTrail, 'refusedUnauthenticated'>,
  { response, requestId, clientAddress }: HttpExchange,
  { tenant }: Snapshot,
  reason: string,
): Promise<void> {
  const detail = { endpoint: 'token', status: 400 }
  const event = { tenant, activity: 'token.issue', outcome: 'refused', reason, requestId, detail } as const
  await audit.refusedUnauthenticated(event, clientAddress)
  sendJson(response, 400, {
    error: 'invalid_grant',
    error_description: `The assertion is not good for this gateway. (request ${requestId})`,
  })
}

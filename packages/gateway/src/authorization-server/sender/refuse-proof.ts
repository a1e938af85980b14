import type { AuditTrail } from '#audit/trail.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { sendJson } from '#http/respond.ts'

/** RFC 9449 §5: a token request whose proof is no good. Nobody has been authenticated, so equal ones share a record. */
export async function refuseProof(
  audit: Pick<AuditTrail, 'refusedUnauthenticated'>,
  { response, requestId, clientAddress }: HttpExchange,
  { tenant }: Snapshot,
  { endpoint, reason }: { readonly endpoint: string; readonly reason: string },
): Promise<void> {
  const detail = { endpoint, status: 400 }
  const event = { tenant, activity: 'request.refused', outcome: 'refused', reason, requestId, detail } as const
  await audit.refusedUnauthenticated(event, clientAddress)
  sendJson(response, 400, {
    error: 'invalid_dpop_proof',
    error_description: `The DPoP proof is not valid for this request. (request ${requestId})`,
  })
}

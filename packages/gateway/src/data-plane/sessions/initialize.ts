import { uuidv7 } from '#core/random.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { MessageId } from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { textHolds } from '../inspection/find-credential.ts'
import type { Cleared } from '../inspection/inspect-arguments.ts'
import { contextOf, describeEvent, describePermit, type RecordSubject } from '../record.ts'
import type { Refusal } from '../refusal.ts'
import type { Road } from '../road.ts'
import { refusalOfLoss } from '../upstream/loss.ts'
import { openSession } from './open-session.ts'
import { bindingOf, type Session } from './session.ts'
import { reasonToEnd } from './still-stands.ts'

/**
 * `initialize`: a place, a session with an upstream of its own, records, and only then the id that lets the client come back.
 * Null once the exchange is answered; a refusal is recorded by whoever answers it.
 */
export async function initialize(exchange: HttpExchange, cleared: Cleared, road: Road): Promise<Refusal | null> {
  const { authenticated, message } = cleared.permit
  const { principal, head } = authenticated
  if (message.kind !== 'request') throw new Error('initialize is a request')
  const { id } = message
  const callId = uuidv7(road.random, road.clock.nowMs())
  const record = (session: string, subject: RecordSubject) =>
    road.audit.record(
      describeEvent(contextOf(authenticated, session), { ...subject, ...describePermit(cleared.permit), callId }),
    )

  const place = road.sessions.takePlace(bindingOf(principal, head.server), head.server.limits.sessionsPerSubjectMax)
  if (!place.ok) return { name: 'sessionsExhausted' }
  try {
    const params = isJsonObject(cleared.object['params']) ? cleared.object['params'] : {}
    const request = { params, principal, server: head.server, snapshot: head.snapshot, requestId: head.requestId }
    const opened = await openSession(request, road)
    if (!opened.ok) {
      const { reason } = opened.refusal
      return reason === 'handshakeTimedOut' ? { name: 'upstreamTimeout', id } : refusalOfLoss(reason, id)
    }
    const { session, result } = opened.value
    // The handshake takes time in which the server may have been reconfigured or the caller revoked; nobody looked at this session yet.
    const ended = overtaken(session, id, road)
    if (ended !== null) {
      await session.end(ended.reason)
      return ended.refusal
    }
    const text = printJson({ jsonrpc: '2.0', id, result })
    if (textHolds(text, session.credentialTexts)) {
      await session.end('credentialInResult')
      return { name: 'resultRefused', reason: 'credentialInResult', id }
    }
    try {
      const detail = { revision: session.revision }
      await record(session.recordId, { activity: 'session.open', outcome: 'success', detail })
      place.value.fill(session)
      await record(session.recordId, { activity: 'call.outcome', outcome: 'success' })
    } catch {
      await road.sessions.end(session, 'auditUnavailable')
      await session.end('auditUnavailable')
      return { name: 'auditUnavailable' }
    }
    // The same for the time that the records took; from here on whoever revokes or reconfigures finds the session on the table.
    const endedSince = overtaken(session, id, road)
    if (endedSince !== null) {
      await road.sessions.end(session, endedSince.reason)
      return endedSince.refusal
    }
    const { response } = exchange
    if (response.destroyed || road.isClosing()) {
      // Nobody will ever know its id.
      await road.sessions.end(session, 'clientLeft')
      if (response.destroyed) return null
      return { name: 'shuttingDown' }
    }
    const body = Buffer.from(text)
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': body.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'mcp-session-id': session.id,
    })
    response.end(body)
    return null
  } finally {
    place.value.release()
  }
}

function overtaken(
  session: Session,
  id: MessageId,
  road: Road,
): { readonly reason: string; readonly refusal: Refusal } | null {
  const reason = reasonToEnd(session, road.snapshots.current(), road.revocations)
  if (reason === null) return null
  const refusal: Refusal =
    reason === 'grantRevoked'
      ? { name: 'tokenInvalid', reason: 'revoked' }
      : { name: 'upstreamUnavailable', reason, id }
  return { reason, refusal }
}

import { uuidv7 } from '#core/random.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { textHolds } from '../inspection/find-credential.ts'
import type { Cleared } from '../inspection/inspect-arguments.ts'
import { contextOf, describeEvent, describePermit, type RecordSubject } from '../record.ts'
import type { Refusal } from '../refusal.ts'
import type { Road } from '../road.ts'
import { openSession } from './open-session.ts'
import { bindingOf } from './session.ts'

/**
 * `initialize`: a place, a session with an upstream of its own, records, and only then the id that lets the client come back.
 * Null once the exchange is answered.
 */
export async function initialize(exchange: HttpExchange, cleared: Cleared, road: Road): Promise<Refusal | null> {
  const { authenticated, message } = cleared.permit
  const { principal, head } = authenticated
  if (message.kind !== 'request') throw new Error('initialize is a request')
  const { id } = message
  const callId = uuidv7(road.random, road.clock.nowMs())
  const record = (session: string | null, subject: RecordSubject) =>
    road.audit.record(
      describeEvent(contextOf(authenticated, session), { ...subject, ...describePermit(cleared.permit), callId }),
    )
  const refuse = async (reason: string, refusal: Refusal): Promise<Refusal> => {
    try {
      await record(null, { activity: 'call.outcome', outcome: 'failed', reason })
      return refusal
    } catch {
      return { name: 'auditUnavailable' }
    }
  }

  const place = road.sessions.takePlace(bindingOf(principal, head.server), head.server.limits.sessionsPerSubjectMax)
  if (!place.ok) return { name: 'sessionsExhausted' }
  try {
    const params = isJsonObject(cleared.object['params']) ? cleared.object['params'] : {}
    const request = { params, principal, server: head.server, snapshot: head.snapshot, requestId: head.requestId }
    const opened = await openSession(request, road)
    if (!opened.ok) {
      const { reason } = opened.refusal
      if (reason === 'handshakeTimedOut') return await refuse(reason, { name: 'upstreamTimeout', id })
      return await refuse(reason, { name: 'upstreamUnavailable', reason, id })
    }
    const { session, result } = opened.value
    const text = printJson({ jsonrpc: '2.0', id, result })
    if (textHolds(text, session.credentialTexts)) {
      await session.end('credentialInResult')
      return await refuse('credentialInResult', { name: 'resultRefused', reason: 'credentialInResult', id })
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

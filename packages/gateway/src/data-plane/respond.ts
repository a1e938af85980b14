import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { sendJson } from '#http/respond.ts'
import type { Refusal } from './refusal.ts'
import { answerRefusal } from './refusal-answer.ts'

/**
 * Answers an exchange with a refusal.
 * Does nothing if an answer has begun; a refusal on an open stream is written there as a message, made by `answerRefusal`.
 */
export function respond(
  exchange: HttpExchange,
  refusal: Refusal,
  server: ServerEntry | null,
  snapshot: Snapshot,
): void {
  const { status, headers, body } = answerRefusal(refusal, exchange.requestId, server, snapshot)
  sendJson(exchange.response, status, body, { ...headers })
}

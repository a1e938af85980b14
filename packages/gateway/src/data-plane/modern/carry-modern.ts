import type { HttpExchange } from '#http/exchange.ts'
import { sendEmpty } from '#http/respond.ts'
import type { Cleared } from '../inspection/inspect-arguments.ts'
import type { Refusal } from '../refusal.ts'
import type { Road } from '../road.ts'
import { carryRequest } from './carry-request.ts'
import { listen } from './listen.ts'
import type { OtherSide } from './other-side.ts'

/** Sends one cleared message of the modern era. Null once the exchange is answered; a refusal means that nothing was sent. */
export async function carryModern(
  exchange: HttpExchange,
  cleared: Cleared,
  side: OtherSide,
  road: Road,
): Promise<Refusal | null> {
  const { message } = cleared.permit
  if (message.kind !== 'request') {
    // Over HTTP a client cancels by hanging up; that it says so as well changes nothing, and there is no request it could name here.
    sendEmpty(exchange.response, 202)
    return null
  }
  const prepared = side.prepared()
  if (prepared === null) throw new Error('a request is carried after it was prepared')
  const { counterpart } = side
  if (message.method === 'subscriptions/listen')
    return await listen({ exchange, cleared, request: message, counterpart }, road)
  const { round, inventory: tools, mirrored } = prepared
  return await carryRequest({ exchange, cleared, request: message, counterpart, tools, mirrored, round }, road)
}

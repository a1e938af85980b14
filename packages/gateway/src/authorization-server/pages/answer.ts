import type { OutgoingHttpHeaders } from 'node:http'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { type PageHeaderOptions, pageHeaders } from '#http/page-headers.ts'
import { sendHtml } from '#http/respond.ts'
import type { PageContext } from './deps.ts'
import { errorPage } from './error-page.ts'
import { sayPlainly } from './say.ts'

/** Refusals that a person meets, with their status. */
const STATUS = {
  expired: 400,
  forged: 403,
  account: 403,
  notLinked: 403,
  providerRefused: 403,
  secondFactor: 403,
  provider: 502,
  setupLink: 403,
  alreadySetUp: 409,
  busy: 503,
  unavailable: 503,
} as const

export type PageProblem = keyof typeof STATUS

const RETRY_SECONDS = { busy: 5, unavailable: 30 } as const

export function answerPage(
  exchange: HttpExchange,
  status: number,
  document: string,
  options?: PageHeaderOptions,
  headers: OutgoingHttpHeaders = {},
): void {
  sendHtml(exchange.response, status, document, { ...pageHeaders(options), ...headers })
}

export function answerProblem(exchange: HttpExchange, problem: PageProblem): void {
  const document = errorPage({
    title: sayPlainly(`error.${problem}.title`),
    whatHappened: sayPlainly(`error.${problem}.what`),
    whatToDo: sayPlainly(`error.${problem}.do`),
    requestId: exchange.requestId,
  })
  const retry = problem === 'busy' || problem === 'unavailable' ? { 'retry-after': String(RETRY_SECONDS[problem]) } : {}
  answerPage(exchange, STATUS[problem], document, undefined, retry)
}

/** Ports and interactions reject only when something is broken. The reader gets the 503 page, the operator the cause. */
export function guarded(context: PageContext, handler: Route['handler']): Route['handler'] {
  return async (exchange, parameters) => {
    try {
      await handler(exchange, parameters)
    } catch (cause) {
      context.onFailure(exchange.requestId, cause)
      answerProblem(exchange, 'unavailable')
    }
  }
}

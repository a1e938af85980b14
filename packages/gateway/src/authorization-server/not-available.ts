import type { HttpExchange } from '#http/exchange.ts'
import { pageHeaders } from '#http/page-headers.ts'
import { sendHtml, sendJson } from '#http/respond.ts'
import { errorPage } from './pages/error-page.ts'

/** A store that does not answer is usually back within this many seconds. */
const RETRY_AFTER_SECONDS = 2

/** The store cannot be used: 503, on a page for people and as JSON (RFC 6749 §5.2 form) for programs. Nothing was changed. */
export function answerNotAvailable({ response, requestId }: HttpExchange, reader: 'person' | 'program'): void {
  const headers = { 'retry-after': String(RETRY_AFTER_SECONDS) }
  if (reader === 'program') {
    const description = `Try again shortly (request ${requestId})`
    sendJson(response, 503, { error: 'temporarily_unavailable', error_description: description }, headers)
    return
  }
  const html = errorPage({
    title: 'Not available at the moment',
    whatHappened: 'The gateway cannot reach its own records right now. Nothing was changed.',
    whatToDo: 'Try again in a minute. If it does not get better, tell your administrator.',
    requestId,
  })
  sendHtml(response, 503, html, { ...pageHeaders(), ...headers })
}

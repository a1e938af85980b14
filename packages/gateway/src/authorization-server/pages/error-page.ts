import { html } from '#http/html.ts'
import { layout, withCode } from './layout.ts'
import { say } from './say.ts'

export interface ErrorPageInput {
  readonly title: string
  /** One or two sentences; no cause, host, path or token in it. */
  readonly whatHappened: string
  /** What the reader can do next. Text between backticks is shown as something to type. */
  readonly whatToDo: string
  /** What the operator looks up with `sallyport log explain`. */
  readonly requestId: string
}

/** A page that says what happened and what to do next. To be sent with `pageHeaders()`. */
export function errorPage(input: ErrorPageInput): string {
  return layout({
    title: input.title,
    card: html`<h1>${input.title}</h1>
<p>${withCode(input.whatHappened)}</p>
<h2>${say('error.next')}</h2>
<p>${withCode(input.whatToDo)}</p>
<p class="foot">${say('error.reference', { requestId: html`<code>${input.requestId}</code>` })}</p>`,
  })
}

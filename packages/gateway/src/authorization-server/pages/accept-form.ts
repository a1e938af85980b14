import type { AuditActivity } from '#audit/trail.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { readForm } from '#http/form.ts'
import { answerPage, answerProblem } from './answer.ts'
import type { PageContext } from './deps.ts'
import { errorPage } from './error-page.ts'
import { postIsFromOurPage } from './same-origin.ts'
import { sayPlainly } from './say.ts'

/** Name of the hidden field that carries the form token. */
export const TOKEN_FIELD = 'form_token'

/**
 * Reads a posted form if the browser says that our page sent it. Null: refused and answered. The caller still has to check the token with
 * `refuseForged`, once it knows what the form is for.
 */
export async function acceptForm(
  context: PageContext,
  exchange: HttpExchange,
  activity: AuditActivity,
  repeatable: readonly string[] = [],
): Promise<URLSearchParams | null> {
  if (!postIsFromOurPage(exchange.request.headers, context.snapshots.current().publicUrl)) {
    await answerForged(context, exchange, activity, 'formFromElsewhere')
    return null
  }
  const form = await readForm(exchange.request, repeatable)
  if (form.ok) return form.value
  const document = errorPage({
    title: sayPlainly('error.form.title'),
    whatHappened: form.refusal.problem,
    whatToDo: sayPlainly('error.form.do'),
    requestId: exchange.requestId,
  })
  answerPage(exchange, form.refusal.status, document)
  return null
}

/** True when the form's token is not the one that this browser was given for this purpose; then the answer is sent. */
export async function refuseForged(
  context: PageContext,
  exchange: HttpExchange,
  activity: AuditActivity,
  purpose: string,
  form: URLSearchParams,
): Promise<boolean> {
  const { tenant } = context.snapshots.current()
  if (context.formTokens.check(exchange, tenant, purpose, form.get(TOKEN_FIELD))) return false
  await answerForged(context, exchange, activity, 'formTokenInvalid')
  return true
}

async function answerForged(
  context: PageContext,
  exchange: HttpExchange,
  activity: AuditActivity,
  reason: string,
): Promise<void> {
  const { tenant } = context.snapshots.current()
  await context.audit.refusedUnauthenticated(
    { tenant, activity, outcome: 'refused', reason, requestId: exchange.requestId },
    exchange.clientAddress,
  )
  answerProblem(exchange, 'forged')
}

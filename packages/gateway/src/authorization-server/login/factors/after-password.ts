import type { HttpExchange } from '#http/exchange.ts'
import { safeUrl } from '#http/html.ts'
import { sendRedirect } from '#http/respond.ts'
import type { Account } from '#store/ports/accounts.ts'
import { answerPage, answerProblem } from '../../pages/answer.ts'
import type { PageContext } from '../../pages/deps.ts'
import { askEnrolment } from './enrolment.ts'
import { factorPage } from './factor-page.ts'
import { provePassword } from './password-proof.ts'
import type { FactorPlace } from './place.ts'
import { relyingPartyOf } from './relying-party.ts'

/** What comes after the right password: the second factor of who has one, setting one up where one is needed, or nothing. */
export type NextStep = 'factor' | 'enrolment' | 'done'

export async function nextStepOf(context: PageContext, place: FactorPlace, account: Account): Promise<NextStep> {
  const { hasTotp, passkeys } = await context.store.factors.of(account.tenant, account.subject)
  if (hasTotp || passkeys.length > 0) return 'factor'
  return place.needsSecondFactor ? 'enrolment' : 'done'
}

/** Answers with it. */
export async function takeNextStep(
  context: PageContext,
  exchange: HttpExchange,
  place: FactorPlace,
  account: Account,
  step: NextStep,
): Promise<void> {
  const since = context.clock.nowSeconds()
  if (step === 'factor') return await askForFactor(context, exchange, place, account, since, 200)
  if (step === 'enrolment') return askEnrolment(context, exchange, place, account, since, 200)
  const next = await place.finish({
    subject: account.subject,
    authTime: since,
    amr: ['pwd'],
    passwordHash: account.passwordHash,
  })
  if (next === null) return answerProblem(exchange, 'expired')
  sendRedirect(exchange.response, String(safeUrl(next, context.snapshots.current().publicUrl)))
}

export async function askForFactor(
  context: PageContext,
  exchange: HttpExchange,
  place: FactorPlace,
  account: Account,
  since: number,
  status: number,
  problem: Parameters<typeof factorPage>[0]['problem'] = null,
): Promise<void> {
  const { publicUrl } = context.snapshots.current()
  const { hasTotp, passkeys } = await context.store.factors.of(account.tenant, account.subject)
  const document = factorPage({
    publicUrl,
    path: place.path,
    proof: provePassword(context, exchange, place, account, since, 'factor'),
    hasTotp,
    hasPasskey: passkeys.length > 0 && relyingPartyOf(publicUrl) !== null,
    problem,
  })
  const wait = problem?.kind === 'throttled' ? { 'retry-after': String(problem.retryAfterSeconds) } : {}
  answerPage(exchange, status, document, { keepsOpener: place.keepsOpener }, wait)
}

import { createHash } from 'node:crypto'
import { asSubjectId } from '#core/ids.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { Account } from '#store/ports/accounts.ts'
import { acceptForm, refuseForged } from '../../pages/accept-form.ts'
import { answerProblem } from '../../pages/answer.ts'
import type { PageContext } from '../../pages/deps.ts'
import type { FactorPlace } from './place.ts'

/** From the password to the second factor. */
const SECONDS_MAX = 600

/** What may follow the password: the factor that there is, or the first one. */
type ProofOf = 'factor' | 'enrolment'

/** That somebody has shown an account's password, in this browser, at this place: carried by the next form, and good for nothing else. */
export interface PasswordProof {
  readonly formToken: string
  readonly subject: string
  /** When the password was shown. */
  readonly since: number
}

export function provePassword(
  context: PageContext,
  exchange: HttpExchange,
  place: FactorPlace,
  account: Account,
  since: number,
  next: ProofOf,
): PasswordProof {
  const { tenant } = context.snapshots.current()
  const formToken = context.formTokens.issue(exchange, tenant, purposeOf(place, account, since, next))
  return { formToken, subject: account.subject, since }
}

/** Reads a form that carries one. Null: refused and answered. */
export async function acceptAfterPassword(
  context: PageContext,
  exchange: HttpExchange,
  place: FactorPlace,
  next: ProofOf,
): Promise<{ readonly form: URLSearchParams; readonly account: Account; readonly since: number } | null> {
  const form = await acceptForm(context, exchange, 'login')
  if (form === null) return null
  const { tenant } = context.snapshots.current()
  const since = Number(form.get('since'))
  const account = await context.store.accounts.find(tenant, asSubjectId(form.get('subject') ?? ''))
  const purpose = account === null ? 'nobody' : purposeOf(place, account, since, next)
  if (await refuseForged(context, exchange, 'login', purpose, form)) return null
  if (account?.status !== 'active' || context.clock.nowSeconds() - since > SECONDS_MAX) {
    answerProblem(exchange, 'expired')
    return null
  }
  return { form, account, since }
}

/** A password that was changed meanwhile proves nothing any more. */
function purposeOf({ key }: FactorPlace, { subject, passwordHash }: Account, since: number, next: ProofOf): string {
  const password = createHash('sha256').update(passwordHash).digest('base64url')
  return `${next}:${key}:${subject}:${since}:${password}`
}

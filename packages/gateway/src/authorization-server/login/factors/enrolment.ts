import type { AuditEvent } from '#audit/trail.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { hashRecoveryCode, newRecoveryCodes } from '#identity/recovery-codes.ts'
import { newTotpSecret, totpStepOf } from '#identity/totp.ts'
import type { Account } from '#store/ports/accounts.ts'
import { accountSession } from '../../account/account-session.ts'
import { answerPage, answerProblem } from '../../pages/answer.ts'
import type { PageContext } from '../../pages/deps.ts'
import { codesPage } from './codes-page.ts'
import { enrolmentPage } from './enrolment-page.ts'
import { acceptAfterPassword, provePassword } from './password-proof.ts'
import type { FactorPlace, FindPlace } from './place.ts'
import { openTotpSecret, sealTotpSecret } from './totp-seal.ts'

/** Shows a new secret (or the one shown before), to be confirmed with a code of it. */
export function askEnrolment(
  context: PageContext,
  exchange: HttpExchange,
  place: FactorPlace,
  account: Account,
  since: number,
  status: number,
  again: { readonly sealed: string; readonly problem: 'missing' | 'wrongCode' } | null = null,
): void {
  const { sealer, random } = context
  const { publicUrl } = context.snapshots.current()
  const { tenant, subject, username } = account
  const sealed = again?.sealed ?? sealTotpSecret(sealer, tenant, subject, newTotpSecret(random))
  const document = enrolmentPage({
    publicUrl,
    path: place.path,
    proof: provePassword(context, exchange, place, account, since, 'enrolment'),
    isNeeded: place.needsSecondFactor,
    sealed,
    secret: openTotpSecret(sealer, tenant, subject, sealed),
    username,
    problem: again?.problem ?? null,
  })
  answerPage(exchange, status, document, { keepsOpener: place.keepsOpener })
}

/** Sets the app up once a code shows that it has the secret; then shows the recovery codes, once, and goes on. */
export function confirmEnrolment(context: PageContext, findPlace: FindPlace): Route['handler'] {
  return async (exchange, parameters) => {
    const place = await findPlace(exchange, parameters)
    if (place === null) return
    const accepted = await acceptAfterPassword(context, exchange, place, 'enrolment')
    if (accepted === null) return
    const { form, account, since } = accepted
    const { tenant, subject, passwordHash } = account
    const sealed = form.get('sealed') ?? ''
    // A page of before there was a factor must not be a way around it: then only who has shown that one adds another.
    const { hasTotp, passkeys, recoveryCodesLeft } = await context.store.factors.of(tenant, subject)
    const isFirst = !hasTotp && passkeys.length === 0
    const session = await accountSession(context, exchange)
    const hasShownFactor = session?.account.subject === subject && session.isMultiFactor
    if (!isFirst && !hasShownFactor) return answerProblem(exchange, 'expired')
    const secret = open(context, account, sealed)
    if (secret === null) return answerProblem(exchange, 'forged')
    const typed = (form.get('code') ?? '').replace(/\s/g, '')
    const now = context.clock.nowSeconds()
    const step = totpStepOf(typed, secret, now)
    if (step === null) {
      const problem = typed === '' ? 'missing' : 'wrongCode'
      return askEnrolment(context, exchange, place, account, since, problem === 'missing' ? 422 : 403, {
        sealed,
        problem,
      })
    }
    const event: AuditEvent = {
      tenant,
      activity: 'account.change',
      outcome: 'success',
      reason: 'secondFactorEnrolled',
      requestId: exchange.requestId,
      subject,
      detail: { factor: 'totp' },
      personal: { address: exchange.clientAddress },
    }
    const codes = newRecoveryCodes(context.random)
    const totp = { sealed, lastStep: step, createdAt: now }
    const hashes = codes.flatMap((code) => hashRecoveryCode(code) ?? [])
    const enrolled = await context.store.factors.enrolTotp(
      tenant,
      subject,
      totp,
      hashes,
      { mustBeFirst: !hasShownFactor },
      [context.audit.entry(event)],
    )
    // Somebody has set one up between the password and now: that one is asked for, not this.
    if (enrolled !== 'enrolled') return answerProblem(exchange, 'expired')
    const { reason: _, ...login } = { ...event, ...place.about, detail: { method: 'password totp' } }
    await context.audit.record({ ...login, activity: 'login' })
    const next = await place.finish({ subject, authTime: since, amr: ['pwd', 'otp'], passwordHash })
    if (next === null) return answerProblem(exchange, 'expired')
    const { publicUrl } = context.snapshots.current()
    const shown = recoveryCodesLeft === 0 ? codes : []
    answerPage(exchange, 200, codesPage({ publicUrl, codes: shown, next }), { keepsOpener: place.keepsOpener })
  }
}

function open({ sealer }: PageContext, { tenant, subject }: Account, sealed: string): Uint8Array | null {
  try {
    return openTotpSecret(sealer, tenant, subject, sealed)
  } catch {
    // Not made by our page for this account.
    return null
  }
}

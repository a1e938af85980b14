import type { AuditEvent } from '#audit/trail.ts'
import type { Route } from '#http/exchange.ts'
import { safeUrl } from '#http/html.ts'
import { sendRedirect } from '#http/respond.ts'
import { answerProblem } from '../../pages/answer.ts'
import type { PageContext } from '../../pages/deps.ts'
import { askForFactor } from './after-password.ts'
import { acceptAfterPassword } from './password-proof.ts'
import type { FindPlace } from './place.ts'
import { verifyCode } from './verify-code.ts'

/** The code that follows the password. */
export function submitFactor(context: PageContext, findPlace: FindPlace): Route['handler'] {
  return async (exchange, parameters) => {
    const place = await findPlace(exchange, parameters)
    if (place === null) return
    const accepted = await acceptAfterPassword(context, exchange, place, 'factor')
    if (accepted === null) return
    const { form, account, since } = accepted
    const typed = (form.get('code') ?? '').trim()
    if (typed === '') return await askForFactor(context, exchange, place, account, since, 422, { kind: 'missing' })
    const event: Omit<AuditEvent, 'outcome'> = {
      tenant: account.tenant,
      activity: 'login',
      requestId: exchange.requestId,
      subject: account.subject,
      ...place.about,
      personal: { address: exchange.clientAddress },
    }
    const outcome = await verifyCode(context, account, typed, exchange.clientAddress, event)
    switch (outcome.kind) {
      case 'refused': {
        await context.audit.record({ ...event, outcome: 'refused', reason: outcome.reason })
        return await askForFactor(context, exchange, place, account, since, 403, { kind: outcome.reason })
      }
      case 'throttled': {
        const throttled = { ...event, outcome: 'refused', reason: 'factorThrottled' } as const
        await context.audit.refusedUnauthenticated(throttled, exchange.clientAddress)
        return await askForFactor(context, exchange, place, account, since, 429, outcome)
      }
      case 'accepted': {
        await context.audit.record({ ...event, outcome: 'success', detail: { method: `password ${outcome.method}` } })
        const { subject, passwordHash } = account
        const next = await place.finish({ subject, authTime: since, amr: ['pwd', 'otp'], passwordHash })
        if (next === null) return answerProblem(exchange, 'expired')
        return sendRedirect(exchange.response, String(safeUrl(next, context.snapshots.current().publicUrl)))
      }
    }
  }
}

import type { AuditEvent } from '#audit/trail.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { safeUrl } from '#http/html.ts'
import { sendRedirect } from '#http/respond.ts'
import { hashRecoveryCode, newRecoveryCodes } from '#identity/recovery-codes.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { FactorRemoval } from '#store/ports/factors.ts'
import { authenticatePassword } from '../login/authenticate-password.ts'
import { nextStepOf, takeNextStep } from '../login/factors/after-password.ts'
import { codesPage } from '../login/factors/codes-page.ts'
import { askEnrolment } from '../login/factors/enrolment.ts'
import { relyingPartyOf } from '../login/factors/relying-party.ts'
import { acceptForm, refuseForged } from '../pages/accept-form.ts'
import { answerPage, answerProblem } from '../pages/answer.ts'
import type { PageContext } from '../pages/deps.ts'
import { type AccountProblem, accountLoginPage, accountPage } from './account-page.ts'
import { type AccountSession, accountSession, closeAccountSession } from './account-session.ts'
import { placeOfAccount } from './place-of-account.ts'

/** A person's own page: what they log in with besides their password. */
export function showAccount(context: PageContext): Route['handler'] {
  return async (exchange) => {
    const session = await accountSession(context, exchange)
    if (session === null) askLogin(context, exchange, 200)
    else await show(context, exchange, session.account, 200)
  }
}

export function submitAccountLogin(context: PageContext): Route['handler'] {
  return async (exchange) => {
    const form = await acceptForm(context, exchange, 'login')
    if (form === null || (await refuseForged(context, exchange, 'login', 'account:login', form))) return
    const { tenant, hasPasswords } = context.snapshots.current()
    if (!hasPasswords) return answerProblem(exchange, 'forged')
    const username = form.get('username') ?? ''
    const password = form.get('password') ?? ''
    if (username.trim() === '' || password === '')
      return askLogin(context, exchange, 422, { kind: 'missing' }, username)
    const outcome = await authenticatePassword(context, { tenant, username, password, address: exchange.clientAddress })
    const event = { ...eventOf(context, exchange), activity: 'login', detail: { method: 'password' } } as const
    switch (outcome.kind) {
      case 'busy':
        return answerProblem(exchange, 'busy')
      case 'throttled':
        await context.audit.refusedUnauthenticated(
          {
            ...event,
            outcome: 'refused',
            reason: outcome.limit === 'account' ? 'accountThrottled' : 'addressThrottled',
          },
          exchange.clientAddress,
        )
        return askLogin(context, exchange, 429, outcome, username)
      case 'refused':
        await context.audit.refusedUnauthenticated(
          { ...event, outcome: 'refused', reason: outcome.reason },
          exchange.clientAddress,
        )
        return askLogin(context, exchange, 403, { kind: 'wrong' }, username)
      case 'accepted': {
        const place = await placeOfAccount(context)(exchange, {})
        if (place === null) return
        const step = await nextStepOf(context, place, outcome.account)
        const reason = step === 'done' ? {} : { reason: 'secondFactorNeeded' }
        const judged = step === 'done' ? 'success' : 'refused'
        await context.audit.record({ ...event, outcome: judged, ...reason, subject: outcome.account.subject })
        return await takeNextStep(context, exchange, place, outcome.account, step)
      }
    }
  }
}

/** Begins to set up an authenticator app; `confirmEnrolment` ends it. */
export function beginTotp(context: PageContext): Route['handler'] {
  return change(context, async (exchange, { account }) => {
    const place = await placeOfAccount(context)(exchange, {})
    if (place === null) return
    const { hasTotp } = await context.store.factors.of(account.tenant, account.subject)
    if (hasTotp) return redirectHome(context, exchange)
    askEnrolment(context, exchange, { ...place, needsSecondFactor: false }, account, context.clock.nowSeconds(), 200)
  })
}

export function removeTotp(context: PageContext): Route['handler'] {
  return change(context, async (exchange, { account }) => {
    const { tenant, subject } = account
    const entry = context.audit.entry(changeOf(context, exchange, account, 'secondFactorRemoved', { factor: 'totp' }))
    const limits = { keepsLast: isNeeded(context) }
    const outcome = await context.store.factors.removeTotp(tenant, subject, limits, [entry])
    await afterRemoval(context, exchange, account, outcome)
  })
}

export function removePasskey(context: PageContext): Route['handler'] {
  return change(context, async (exchange, { account }, form) => {
    const { tenant, subject } = account
    const entry = context.audit.entry(
      changeOf(context, exchange, account, 'secondFactorRemoved', { factor: 'passkey' }),
    )
    const limits = { keepsLast: isNeeded(context) }
    const outcome = await context.store.factors.removePasskey(tenant, subject, form.get('id') ?? '', limits, [entry])
    await afterRemoval(context, exchange, account, outcome)
  })
}

async function afterRemoval(
  context: PageContext,
  exchange: HttpExchange,
  account: Account,
  outcome: FactorRemoval,
): Promise<void> {
  if (outcome === 'last') await show(context, exchange, account, 409, 'lastFactor')
  else redirectHome(context, exchange)
}

export function renewRecoveryCodes(context: PageContext): Route['handler'] {
  return change(context, async (exchange, { account }) => {
    const { tenant, subject } = account
    const { hasTotp, passkeys } = await context.store.factors.of(tenant, subject)
    if (!hasTotp && passkeys.length === 0) return redirectHome(context, exchange)
    const codes = newRecoveryCodes(context.random)
    const hashes = codes.flatMap((code) => hashRecoveryCode(code) ?? [])
    const entry = context.audit.entry(changeOf(context, exchange, account, 'recoveryCodesRenewed', {}))
    await context.store.factors.replaceRecoveryCodes(tenant, subject, hashes, context.clock.nowSeconds(), [entry])
    answerPage(exchange, 200, codesPage({ publicUrl: context.snapshots.current().publicUrl, codes, next: '/account' }))
  })
}

export function leaveAccount(context: PageContext): Route['handler'] {
  return change(context, async (exchange) => {
    closeAccountSession(exchange)
    redirectHome(context, exchange)
  })
}

/** A form of the account page, from whoever logged in there minutes ago. */
export function change(
  context: PageContext,
  run: (exchange: HttpExchange, session: AccountSession, form: URLSearchParams) => Promise<void>,
): Route['handler'] {
  return async (exchange) => {
    const form = await acceptForm(context, exchange, 'account.change')
    if (form === null) return
    const session = await accountSession(context, exchange)
    if (session === null) return askLogin(context, exchange, 403)
    if (await refuseForged(context, exchange, 'account.change', purposeOf(session.account), form)) return
    await run(exchange, session, form)
  }
}

export function purposeOf({ subject }: Account): string {
  return `account:${subject}`
}

export function changeOf(
  context: PageContext,
  exchange: HttpExchange,
  { subject }: Account,
  reason: string,
  detail: Record<string, string>,
): AuditEvent {
  return { ...eventOf(context, exchange), activity: 'account.change', outcome: 'success', reason, subject, detail }
}

async function show(
  context: PageContext,
  exchange: HttpExchange,
  account: Account,
  status: number,
  problem: AccountProblem | null = null,
): Promise<void> {
  const { tenant, publicUrl } = context.snapshots.current()
  const document = accountPage({
    publicUrl,
    formToken: context.formTokens.issue(exchange, tenant, purposeOf(account)),
    account,
    factors: await context.store.factors.of(tenant, account.subject),
    canHavePasskeys: relyingPartyOf(publicUrl) !== null,
    problem,
  })
  answerPage(exchange, status, document)
}

function askLogin(
  context: PageContext,
  exchange: HttpExchange,
  status: number,
  problem: Parameters<typeof accountLoginPage>[0]['problem'] = null,
  username = '',
): void {
  const { tenant, publicUrl, hasPasswords } = context.snapshots.current()
  const formToken = context.formTokens.issue(exchange, tenant, 'account:login')
  const canHavePasskeys = relyingPartyOf(publicUrl) !== null
  const document = accountLoginPage({ publicUrl, formToken, hasPasswords, canHavePasskeys, problem, username })
  const wait = problem?.kind === 'throttled' ? { 'retry-after': String(problem.retryAfterSeconds) } : {}
  answerPage(exchange, status, document, undefined, wait)
}

function redirectHome({ snapshots }: PageContext, exchange: HttpExchange): void {
  sendRedirect(exchange.response, String(safeUrl('/account', snapshots.current().publicUrl)))
}

function isNeeded({ snapshots }: PageContext): boolean {
  return snapshots.current().requiresSecondFactor === true
}

function eventOf(context: PageContext, exchange: HttpExchange) {
  return {
    tenant: context.snapshots.current().tenant,
    requestId: exchange.requestId,
    personal: { address: exchange.clientAddress },
  }
}

import type { AuditEvent } from '#audit/trail.ts'
import { asSubjectId } from '#core/ids.ts'
import { uuidv7 } from '#core/random.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { hashPassword } from '#identity/password-hash.ts'
import { checkNewPassword, USERNAME_PATTERN } from '#identity/password-rules.ts'
import { hashSetupToken } from '#identity/setup-link.ts'
import type { Account } from '#store/ports/accounts.ts'
import { acceptForm, refuseForged } from '../pages/accept-form.ts'
import { answerPage, answerProblem } from '../pages/answer.ts'
import type { PageContext } from '../pages/deps.ts'
import { type SetupProblem, setupDonePage, setupPage } from './setup-page.ts'

/** The first account runs the gateway and uses it. */
const FIRST_ACCOUNT_ROLES: readonly string[] = ['operator', 'user']
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{20,100}$/

export function showSetup(context: PageContext): Route['handler'] {
  return async (exchange) => {
    const token = exchange.query.get('token') ?? ''
    if (!(await linkWorks(context, token))) return refuseLink(context, exchange, 'setupLinkInvalid')
    ask(context, exchange, token, 200)
  }
}

export function submitSetup(context: PageContext): Route['handler'] {
  return async (exchange) => {
    const form = await acceptForm(context, exchange, 'setup')
    if (form === null) return
    const token = form.get('token') ?? ''
    if (await refuseForged(context, exchange, 'setup', purposeOf(token), form)) return
    // Asked again before any hashing, so that a stale link costs nothing; what counts is `createFirst`.
    if (!(await linkWorks(context, token))) return refuseLink(context, exchange, 'setupLinkInvalid')
    const username = (form.get('username') ?? '').trim().toLowerCase()
    const password = form.get('password') ?? ''
    const problem = problemOf(username, password, form.get('repeat') ?? '')
    if (problem !== null) return ask(context, exchange, token, 422, { username, problem })
    const passwordHash = await context.hashQueue.run(() => hashPassword(password, context.random))
    if (!passwordHash.ok) return answerProblem(exchange, 'busy')
    await create(context, exchange, token, newAccount(context, username, passwordHash.value))
  }
}

async function create(context: PageContext, exchange: HttpExchange, token: string, account: Account): Promise<void> {
  const now = context.clock.nowSeconds()
  const entry = context.audit.entry({
    ...eventOf(context, exchange),
    outcome: 'success',
    subject: account.subject,
    personal: { username: account.username, address: exchange.clientAddress },
  })
  const outcome = await context.store.accounts.createFirst(account, hashSetupToken(token), now, [entry])
  switch (outcome) {
    case 'created':
      return answerPage(exchange, 200, setupDonePage(account.username, context.snapshots.current()))
    case 'linkInvalid':
      return refuseLink(context, exchange, 'setupLinkInvalid')
    case 'alreadySetUp':
      return refuseLink(context, exchange, 'alreadySetUp')
  }
}

/** Pure. */
function problemOf(username: string, password: string, repeat: string): SetupProblem | null {
  if (!USERNAME_PATTERN.test(username)) return 'usernameInvalid'
  return checkNewPassword(password, username) ?? (password === repeat ? null : 'notRepeated')
}

function newAccount(context: PageContext, username: string, passwordHash: string): Account {
  const now = context.clock.nowSeconds()
  return {
    tenant: context.snapshots.current().tenant,
    subject: asSubjectId(uuidv7(context.random, context.clock.nowMs())),
    username,
    displayName: username,
    passwordHash,
    roles: FIRST_ACCOUNT_ROLES,
    status: 'active',
    createdAt: now,
    passwordChangedAt: now,
  }
}

async function linkWorks(context: PageContext, token: string): Promise<boolean> {
  if (!TOKEN_PATTERN.test(token)) return false
  const { tenant } = context.snapshots.current()
  return context.store.accounts.setupLinkIsValid(tenant, hashSetupToken(token), context.clock.nowSeconds())
}

async function refuseLink(
  context: PageContext,
  exchange: HttpExchange,
  reason: 'setupLinkInvalid' | 'alreadySetUp',
): Promise<void> {
  const event: AuditEvent = { ...eventOf(context, exchange), outcome: 'refused', reason }
  await context.audit.refusedUnauthenticated(event, exchange.clientAddress)
  answerProblem(exchange, reason === 'alreadySetUp' ? 'alreadySetUp' : 'setupLink')
}

function ask(
  context: PageContext,
  exchange: HttpExchange,
  linkToken: string,
  status: number,
  again: { readonly username?: string; readonly problem?: SetupProblem } = {},
): void {
  const { tenant, publicUrl } = context.snapshots.current()
  const formToken = context.formTokens.issue(exchange, tenant, purposeOf(linkToken))
  answerPage(exchange, status, setupPage({ publicUrl, formToken, linkToken, ...again }))
}

/** A token for this form is good for this link alone. */
function purposeOf(linkToken: string): string {
  return `setup:${hashSetupToken(linkToken)}`
}

function eventOf(context: PageContext, exchange: HttpExchange) {
  return { tenant: context.snapshots.current().tenant, activity: 'setup', requestId: exchange.requestId } as const
}

import type { AuditEvent } from '#audit/trail.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import type { Interaction } from '../interactions.ts'
import { acceptForm, refuseForged } from '../pages/accept-form.ts'
import { answerPage, answerProblem } from '../pages/answer.ts'
import type { PageContext } from '../pages/deps.ts'
import { keepsOpener } from '../pages/keeps-opener.ts'
import { authenticatePassword, type PasswordOutcome } from './authenticate-password.ts'
import { type NextStep, nextStepOf, takeNextStep } from './factors/after-password.ts'
import { placeOfInteraction } from './factors/place.ts'
import { relyingPartyOf } from './factors/relying-party.ts'
import { type LoginProblem, loginPage } from './login-page.ts'
import { askForAddress } from './provider/ask-for-address.ts'

/**
 * Where the form is: `login` for the first sign-in, `consent` for changing the account while consent is asked for. The engine binds each
 * interaction to its page's path by cookie, so the second form lives under the consent page's.
 */
export type LoginPlace = 'login' | 'consent'

export function showLogin(context: PageContext, place: LoginPlace): Route['handler'] {
  return async (exchange, { uid = '' }) => {
    const interaction = await loadFor(context, exchange, uid, place)
    if (interaction === null) return
    if (context.snapshots.current().asksForAddress === true) askForAddress(context, exchange, interaction, place)
    else ask(context, exchange, interaction, 200)
  }
}

export function submitLogin(context: PageContext, place: LoginPlace): Route['handler'] {
  return async (exchange, { uid = '' }) => {
    const form = await acceptForm(context, exchange, 'login')
    if (form === null) return
    const interaction = await loadFor(context, exchange, uid, place)
    if (interaction === null || (await refuseForged(context, exchange, 'login', purposeOf(interaction), form))) return
    // There is no form, so whoever sends one made it themselves.
    if (!context.snapshots.current().hasPasswords) return answerProblem(exchange, 'forged')
    const username = form.get('username') ?? ''
    const password = form.get('password') ?? ''
    if (username.trim() === '' || password === '') {
      return ask(context, exchange, interaction, 422, { username, problem: { kind: 'missing' } })
    }
    const { tenant } = context.snapshots.current()
    const outcome = await authenticatePassword(context, { tenant, username, password, address: exchange.clientAddress })
    const factorPlace = await placeOfInteraction(context, place)(exchange, { uid })
    if (factorPlace === null) return
    const step = outcome.kind === 'accepted' ? await nextStepOf(context, factorPlace, outcome.account) : 'done'
    await record(context, exchange, interaction, outcome, step)
    switch (outcome.kind) {
      case 'accepted':
        return await takeNextStep(context, exchange, factorPlace, outcome.account, step)
      case 'refused':
        return ask(context, exchange, interaction, 403, { username, problem: { kind: 'wrong' } })
      case 'throttled':
        return ask(context, exchange, interaction, 429, { username, problem: outcome })
      case 'busy':
        return answerProblem(exchange, 'busy')
    }
  }
}

/** The password form alone, for an address that no provider is for. */
export function askForPassword(
  context: PageContext,
  exchange: HttpExchange,
  interaction: Interaction,
  username: string,
): void {
  ask(context, exchange, interaction, 200, { username })
}

async function loadFor(
  context: PageContext,
  exchange: HttpExchange,
  uid: string,
  place: LoginPlace,
): Promise<Interaction | null> {
  const interaction = await context.interactions.load(exchange, uid)
  if (interaction?.prompt === place) return interaction
  answerProblem(exchange, 'expired')
  return null
}

function ask(
  context: PageContext,
  exchange: HttpExchange,
  interaction: Interaction,
  status: number,
  again: { readonly username?: string; readonly problem?: LoginProblem } = {},
): void {
  const snapshot = context.snapshots.current()
  const uid = encodeURIComponent(interaction.uid)
  const document = loginPage({
    interaction,
    path: interaction.prompt === 'login' ? `/login/${uid}` : `/consent/${uid}/account`,
    publicUrl: snapshot.publicUrl,
    formToken: context.formTokens.issue(exchange, snapshot.tenant, purposeOf(interaction)),
    // Whoever was asked for an address has been to where it leads.
    providers: snapshot.asksForAddress === true ? [] : [...snapshot.identityProviders.values()],
    hasPasswords: snapshot.hasPasswords,
    canHavePasskeys: relyingPartyOf(snapshot.publicUrl) !== null,
    ...again,
  })
  const wait = again.problem?.kind === 'throttled' ? { 'retry-after': String(again.problem.retryAfterSeconds) } : {}
  answerPage(exchange, status, document, { keepsOpener: keepsOpener(interaction, snapshot) }, wait)
}

/** A token for this form is good for signing in to this authorization and for nothing else. */
function purposeOf(interaction: Interaction): string {
  return `login:${interaction.uid}`
}

/** Every attempt is recorded before its answer is sent. What nobody vouches for coalesces, so that a flood cannot fill the disk. */
async function record(
  context: PageContext,
  exchange: HttpExchange,
  interaction: Interaction,
  outcome: PasswordOutcome,
  /** What comes after the right password: only then is it a login. */
  step: NextStep,
): Promise<void> {
  const event: AuditEvent = {
    tenant: context.snapshots.current().tenant,
    activity: 'login',
    outcome: outcome.kind === 'accepted' && step === 'done' ? 'success' : 'refused',
    ...(outcome.kind === 'accepted' && step !== 'done' ? { reason: 'secondFactorNeeded' } : {}),
    requestId: exchange.requestId,
    clientId: interaction.clientId,
    server: interaction.server.id,
    detail: { method: 'password' },
    personal: { address: exchange.clientAddress },
  }
  switch (outcome.kind) {
    case 'accepted':
      return context.audit.record({ ...event, subject: outcome.account.subject })
    case 'refused':
      return outcome.subject === null
        ? context.audit.refusedUnauthenticated({ ...event, reason: outcome.reason }, exchange.clientAddress)
        : context.audit.record({ ...event, reason: outcome.reason, subject: outcome.subject })
    case 'throttled': {
      const reason = outcome.limit === 'account' ? 'accountThrottled' : 'addressThrottled'
      return context.audit.refusedUnauthenticated({ ...event, reason }, exchange.clientAddress)
    }
    case 'busy':
      return context.audit.refusedUnauthenticated({ ...event, reason: 'hashQueueFull' }, exchange.clientAddress)
  }
}

import type { HttpExchange, Route } from '#http/exchange.ts'
import { safeUrl } from '#http/html.ts'
import { sendRedirect } from '#http/respond.ts'
import { scopesWithin } from '#policy/login-demands.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { Decided, Interaction } from '../interactions.ts'
import { acceptForm, refuseForged } from '../pages/accept-form.ts'
import { answerPage, answerProblem } from '../pages/answer.ts'
import type { PageContext } from '../pages/deps.ts'
import { interstitialPage } from '../pages/interstitial.ts'
import { keepsOpener } from '../pages/keeps-opener.ts'
import { type ConsentPageInput, consentPage } from './consent-page.ts'
import { readDecision, type ScopeChoices, scopeChoices } from './scope-choices.ts'

interface Question {
  readonly interaction: Interaction
  readonly account: Account
  readonly choices: ScopeChoices
  /** A token for this form is good for this authorization, this account and the client as it was shown, and for no other. */
  readonly purpose: string
}

export function showConsent(context: PageContext): Route['handler'] {
  return async (exchange, { uid = '' }) => {
    const question = await loadQuestion(context, exchange, uid)
    if (question !== null) ask(context, exchange, question, 200)
  }
}

export function decideConsent(context: PageContext): Route['handler'] {
  return async (exchange, { uid = '' }) => {
    const form = await acceptForm(context, exchange, 'consent', ['scope'])
    if (form === null) return
    const question = await loadQuestion(context, exchange, uid)
    if (question === null || (await refuseForged(context, exchange, 'consent', question.purpose, form))) return
    const decision = readDecision(form, question.choices)
    switch (decision.kind) {
      case 'deny':
        return goBack(context, exchange, question, await context.interactions.deny(exchange, question.interaction))
      case 'allow': {
        const decided = await context.interactions.finishConsent(exchange, question.interaction, decision.scopes)
        return goBack(context, exchange, question, decided)
      }
      case 'undecided':
        return ask(context, exchange, question, 422, { problem: 'chooseButton', ticked: new Set(form.getAll('scope')) })
      case 'nothingTicked':
        return ask(context, exchange, question, 422, { problem: 'chooseOne', ticked: new Set() })
      case 'beyondRole':
        await recordBeyondRole(context, exchange, question, decision.scopes)
        return ask(context, exchange, question, 403, { problem: 'changed', ticked: new Set(form.getAll('scope')) })
    }
  }
}

/** The authorization that waits for this person, with what the account's roles allow now. Null: answered with the reason. */
async function loadQuestion(context: PageContext, exchange: HttpExchange, uid: string): Promise<Question | null> {
  const interaction = await context.interactions.load(exchange, uid)
  if (interaction === null || interaction.prompt !== 'consent' || interaction.subject === null) {
    answerProblem(exchange, 'expired')
    return null
  }
  const snapshot = context.snapshots.current()
  const account = await context.store.accounts.find(snapshot.tenant, interaction.subject)
  if (account === null || account.status !== 'active') {
    answerProblem(exchange, 'account')
    return null
  }
  const facts = interaction.login ?? { acr: null, authTime: null }
  const now = context.clock.nowSeconds()
  // More than was asked for is offered only where it needs no other login.
  const isWithin = (scope: string) => scopesWithin([scope], interaction.server, facts, snapshot, now).length > 0
  const choices = scopeChoices(snapshot, account.roles, interaction.server, interaction.scopesRequested, isWithin)
  return { interaction, account, choices, purpose: purposeOf(interaction, account) }
}

function purposeOf({ uid, client }: Interaction, { subject }: Account): string {
  return `consent:${uid}:${subject}${client.digest === null ? '' : `:${client.digest}`}`
}

function ask(
  context: PageContext,
  exchange: HttpExchange,
  { interaction, account, choices, purpose }: Question,
  status: number,
  again: Pick<ConsentPageInput, 'problem' | 'ticked'> = {},
): void {
  const snapshot = context.snapshots.current()
  const formToken = context.formTokens.issue(exchange, snapshot.tenant, purpose)
  const nowSeconds = context.clock.nowSeconds()
  const document = consentPage({ interaction, account, choices, snapshot, nowSeconds, formToken, ...again })
  answerPage(exchange, status, document, { keepsOpener: keepsOpener(interaction, snapshot) })
}

/** Says what was decided, which may not be what this form said: another post of it may have been first. */
function goBack(
  context: PageContext,
  exchange: HttpExchange,
  { interaction }: Question,
  decided: Decided | null,
): void {
  if (decided === null) {
    answerProblem(exchange, 'expired')
    return
  }
  const snapshot = context.snapshots.current()
  if (interaction.redirectUri === null) {
    // No client to go back to: the next page of ours says how it ended.
    sendRedirect(exchange.response, String(safeUrl(decided.resumeUrl, snapshot.publicUrl)))
    return
  }
  const document = interstitialPage({
    ...decided,
    redirectUri: interaction.redirectUri,
    publicUrl: snapshot.publicUrl,
  })
  answerPage(exchange, 200, document, { keepsOpener: keepsOpener(interaction, snapshot) })
}

async function recordBeyondRole(
  context: PageContext,
  exchange: HttpExchange,
  { interaction, account }: Question,
  scopes: readonly string[],
): Promise<void> {
  await context.audit.record({
    tenant: account.tenant,
    activity: 'consent',
    outcome: 'refused',
    reason: 'scopeBeyondRole',
    requestId: exchange.requestId,
    subject: account.subject,
    clientId: interaction.clientId,
    server: interaction.server.id,
    scopesAsked: interaction.scopesRequested,
    detail: { scopesBeyondRole: scopes.length },
  })
}

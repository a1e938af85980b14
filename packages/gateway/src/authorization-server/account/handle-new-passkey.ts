import type { HttpExchange, Route } from '#http/exchange.ts'
import { html, safeUrl } from '#http/html.ts'
import { sendRedirect } from '#http/respond.ts'
import { hashRecoveryCode, newRecoveryCodes } from '#identity/recovery-codes.ts'
import type { Account } from '#store/ports/accounts.ts'
import { codesPage } from '../login/factors/codes-page.ts'
import { issueChallenge } from '../login/factors/passkey-challenge.ts'
import { passkeyPage } from '../login/factors/passkey-page.ts'
import { PASSKEY_SCRIPT_PATH } from '../login/factors/passkey-script.ts'
import { type RelyingParty, relyingPartyOf } from '../login/factors/relying-party.ts'
import { verifyNewPasskey } from '../login/factors/verify-passkey.ts'
import { answerPage, answerProblem } from '../pages/answer.ts'
import type { PageContext } from '../pages/deps.ts'
import { field } from '../pages/field.ts'
import { say } from '../pages/say.ts'
import { accountSession, openAccountSession } from './account-session.ts'
import { change, changeOf, purposeOf } from './handle-account.ts'

/** More than anybody has devices. */
const PASSKEYS_MAX = 20
const NAME_CHARACTERS_MAX = 60
const TIMEOUT_MS = 120_000
/** COSE: EdDSA, ES256, RS256. */
const ALGORITHMS = [-8, -7, -257]

export function showNewPasskey(context: PageContext): Route['handler'] {
  return async (exchange) => {
    const session = await accountSession(context, exchange)
    const party = relyingPartyOf(context.snapshots.current().publicUrl)
    if (session === null || party === null)
      return sendRedirect(exchange.response, String(safeUrl('/account', context.snapshots.current().publicUrl)))
    await ask(context, exchange, session.account, party, 200)
  }
}

export function addPasskey(context: PageContext): Route['handler'] {
  return change(context, async (exchange, { account, isMultiFactor }, form) => {
    const { tenant, publicUrl } = context.snapshots.current()
    const party = relyingPartyOf(publicUrl)
    if (party === null) return answerProblem(exchange, 'expired')
    const purpose = challengePurposeOf(account)
    const made = await verifyNewPasskey(form.get('credential') ?? '', { context, exchange, party, purpose })
    if (made === null) return await ask(context, exchange, account, party, 403, 'passkeyRefused')
    const { subject } = account
    const { recoveryCodesLeft } = await context.store.factors.of(tenant, subject)
    const codes = newRecoveryCodes(context.random)
    const entry = context.audit.entry(
      changeOf(context, exchange, account, 'secondFactorEnrolled', { factor: 'passkey' }),
    )
    const outcome = await context.store.factors.addPasskey(
      {
        ...made,
        tenant,
        subject,
        name: nameOf(form.get('name')),
        createdAt: context.clock.nowSeconds(),
        lastUsedAt: null,
      },
      // Whoever has shown the password alone sets up the first factor and no other.
      { max: PASSKEYS_MAX, mustBeFirst: !isMultiFactor },
      codes.flatMap((code) => hashRecoveryCode(code) ?? []),
      [entry],
    )
    if (outcome === 'full') return await ask(context, exchange, account, party, 409, 'passkeysFull')
    if (outcome === 'taken') return await ask(context, exchange, account, party, 409, 'passkeyTaken')
    if (outcome === 'notFirst') return answerProblem(exchange, 'expired')
    openAccountSession(context, exchange, account, true)
    const shown = recoveryCodesLeft === 0 ? codes : []
    answerPage(exchange, 200, codesPage({ publicUrl, codes: shown, next: '/account' }))
  })
}

async function ask(
  context: PageContext,
  exchange: HttpExchange,
  account: Account,
  party: RelyingParty,
  status: number,
  problem: Parameters<typeof passkeyPage>[0]['problem'] = null,
): Promise<void> {
  const { tenant, publicUrl } = context.snapshots.current()
  const { passkeys } = await context.store.factors.of(tenant, account.subject)
  const document = passkeyPage({
    publicUrl,
    action: '/account/passkeys',
    formToken: context.formTokens.issue(exchange, tenant, purposeOf(account)),
    kind: 'create',
    options: {
      challenge: await issueChallenge(context, exchange, challengePurposeOf(account)),
      rp: { id: party.id, name: 'Sallyport' },
      user: {
        id: Buffer.from(account.subject).toString('base64url'),
        name: account.username,
        displayName: account.displayName,
      },
      pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
      excludeCredentials: passkeys.map(({ credentialId }) => ({ type: 'public-key', id: credentialId })),
      authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
      attestation: 'none',
      timeout: TIMEOUT_MS,
    },
    back: '/account',
    problem,
    more: html`${field({ id: 'name', type: 'text', label: say('passkey.name'), hint: say('passkey.nameHint'), autocomplete: 'off', isFirst: true })}`,
  })
  answerPage(exchange, status, document, { keepsOpener: false, scriptUrl: `${publicUrl}${PASSKEY_SCRIPT_PATH}` })
}

function challengePurposeOf({ subject }: Account): string {
  return `newPasskey:${subject}`
}

/** What a person calls it, shown to them alone. */
function nameOf(typed: string | null): string {
  const name = (typed ?? '')
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .trim()
    .slice(0, NAME_CHARACTERS_MAX)
  return name === '' ? 'Passkey' : name
}

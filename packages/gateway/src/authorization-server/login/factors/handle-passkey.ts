import type { AuditEvent } from '#audit/trail.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { safeUrl } from '#http/html.ts'
import { sendRedirect } from '#http/respond.ts'
import { acceptForm, refuseForged } from '../../pages/accept-form.ts'
import { answerPage, answerProblem } from '../../pages/answer.ts'
import type { PageContext } from '../../pages/deps.ts'
import { issueChallenge } from './passkey-challenge.ts'
import { passkeyPage } from './passkey-page.ts'
import { PASSKEY_SCRIPT_PATH } from './passkey-script.ts'
import type { FactorPlace, FindPlace } from './place.ts'
import { type RelyingParty, relyingPartyOf } from './relying-party.ts'
import { verifyPasskey } from './verify-passkey.ts'

const TIMEOUT_MS = 120_000

/** Signing in with a passkey, which says who it is and is two factors by itself. */
export function showPasskey(context: PageContext, findPlace: FindPlace): Route['handler'] {
  return async (exchange, parameters) => {
    const place = await findPlace(exchange, parameters)
    if (place === null) return
    const party = partyOf(context)
    if (party === null) return answerProblem(exchange, 'expired')
    await ask(context, exchange, place, party, 200)
  }
}

export function submitPasskey(context: PageContext, findPlace: FindPlace): Route['handler'] {
  return async (exchange, parameters) => {
    const form = await acceptForm(context, exchange, 'login')
    if (form === null) return
    const place = await findPlace(exchange, parameters)
    if (place === null || (await refuseForged(context, exchange, 'login', purposeOf(place), form))) return
    const party = partyOf(context)
    if (party === null) return answerProblem(exchange, 'expired')
    const { tenant } = context.snapshots.current()
    const purpose = purposeOf(place)
    const passkey = await verifyPasskey(form.get('credential') ?? '', { context, exchange, party, purpose })
    const account = passkey === null ? null : await context.store.accounts.find(tenant, passkey.subject)
    const event: Omit<AuditEvent, 'outcome'> = {
      tenant,
      activity: 'login',
      requestId: exchange.requestId,
      ...place.about,
      detail: { method: 'passkey' },
      personal: { address: exchange.clientAddress },
    }
    if (passkey === null || account?.status !== 'active') {
      const reason = passkey === null ? 'passkeyRefused' : 'accountDisabled'
      await context.audit.refusedUnauthenticated({ ...event, outcome: 'refused', reason }, exchange.clientAddress)
      return await ask(context, exchange, place, party, 403, 'passkeyRefused')
    }
    await context.audit.record({ ...event, outcome: 'success', subject: account.subject })
    const next = await place.finish({
      subject: account.subject,
      authTime: context.clock.nowSeconds(),
      // RFC 8176: possession of a key in hardware or software, shown after the authenticator had verified the person.
      amr: [passkey.isSynced ? 'swk' : 'hwk', 'user', 'mfa'],
      passwordHash: account.passwordHash,
    })
    if (next === null) return answerProblem(exchange, 'expired')
    sendRedirect(exchange.response, String(safeUrl(next, context.snapshots.current().publicUrl)))
  }
}

async function ask(
  context: PageContext,
  exchange: HttpExchange,
  place: FactorPlace,
  party: RelyingParty,
  status: number,
  problem: 'passkeyRefused' | null = null,
): Promise<void> {
  const { tenant, publicUrl } = context.snapshots.current()
  const purpose = purposeOf(place)
  const document = passkeyPage({
    publicUrl,
    action: `${place.path}/passkey`,
    formToken: context.formTokens.issue(exchange, tenant, purpose),
    kind: 'get',
    options: {
      challenge: await issueChallenge(context, exchange, purpose),
      rpId: party.id,
      allowCredentials: [],
      userVerification: 'required',
      timeout: TIMEOUT_MS,
    },
    back: place.path,
    problem,
  })
  answerPage(exchange, status, document, {
    keepsOpener: place.keepsOpener,
    scriptUrl: `${publicUrl}${PASSKEY_SCRIPT_PATH}`,
  })
}

function partyOf({ snapshots }: PageContext): RelyingParty | null {
  const { hasPasswords, publicUrl } = snapshots.current()
  return hasPasswords ? relyingPartyOf(publicUrl) : null
}

function purposeOf({ key }: FactorPlace): string {
  return `passkey:${key}`
}

import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { Random } from '#core/random.ts'
import type { SnapshotSource } from '#core/snapshot.ts'
import type { Route } from '#http/exchange.ts'
import { ICON_PATH } from '#http/page.ts'
import { sendText } from '#http/respond.ts'
import { createFailureBudget } from '#identity/failure-budget.ts'
import { createIssuerKeys } from '#identity/issuer-keys.ts'
import type { Sealer } from '#keys/sealer.ts'
import { fetchDocument } from '#net/fetch-document.ts'
import type { Store } from '#store/ports/store.ts'
import {
  beginTotp,
  leaveAccount,
  removePasskey,
  removeTotp,
  renewRecoveryCodes,
  showAccount,
  submitAccountLogin,
} from '../account/handle-account.ts'
import { addPasskey, showNewPasskey } from '../account/handle-new-passkey.ts'
import { placeOfAccount } from '../account/place-of-account.ts'
import { decideConsent, showConsent } from '../consent/handle-consent.ts'
import type { Interactions } from '../interactions.ts'
import { confirmEnrolment } from '../login/factors/enrolment.ts'
import { submitFactor } from '../login/factors/handle-factor.ts'
import { showPasskey, submitPasskey } from '../login/factors/handle-passkey.ts'
import { PASSKEY_SCRIPT, PASSKEY_SCRIPT_PATH } from '../login/factors/passkey-script.ts'
import { type FindPlace, placeOfInteraction } from '../login/factors/place.ts'
import { showLogin, submitLogin } from '../login/handle-login.ts'
import { createHashQueue, type HashQueue } from '../login/hash-queue.ts'
import { findProvider } from '../login/provider/handle-discovery.ts'
import { receiveLogout } from '../login/provider/handle-logout.ts'
import { beginProviderLogin, finishProviderLogin, returnToInteraction } from '../login/provider/handle-provider.ts'
import { createIdentityTests, type IdentityTestPages } from '../login/provider/identity-tests.ts'
import { createOpenProvider, type OpenProvider } from '../login/provider/open-provider.ts'
import { showSetup, submitSetup } from '../setup/handle-setup.ts'
import { answerPage, guarded } from './answer.ts'
import type { PageContext } from './deps.ts'
import { createFormTokens } from './form-token.ts'
import { homePage } from './home-page.ts'
import { ICON } from './layout.ts'

const ICON_HEADERS = {
  'content-type': 'image/svg+xml',
  'content-security-policy': "default-src 'none'",
  'cache-control': 'public, max-age=86400',
}

const SCRIPT_HEADERS = {
  'content-type': 'text/javascript; charset=utf-8',
  'x-content-type-options': 'nosniff',
  'cache-control': 'public, max-age=3600',
}

export interface PagesDeps {
  readonly interactions: Interactions
  readonly snapshots: SnapshotSource
  readonly store: Store
  readonly audit: AuditTrail
  readonly clock: Clock
  readonly random: Random
  readonly sealer: Sealer
  /** By default one of its own. */
  readonly openProvider?: OpenProvider
  /** Told the cause of each 503 page; the reader is told only the request id. */
  readonly onFailure?: (requestId: string, cause: unknown) => void
  /** For tests; by default a queue of its own. */
  readonly hashQueue?: HashQueue
}

/** The pages for people: setup, login and consent. No JavaScript but where passkeys are asked for, no third party, no framing. */
export function createPages(deps: PagesDeps): { readonly routes: Route[]; readonly identityTests: IdentityTestPages } {
  const context: PageContext = {
    ...deps,
    formTokens: createFormTokens(deps),
    hashQueue: deps.hashQueue ?? createHashQueue(),
    openProvider: deps.openProvider ?? createOpenProvider(deps.clock),
    onFailure: deps.onFailure ?? (() => undefined),
  }
  const identityTests = createIdentityTests(context)
  const logoutContext = {
    ...context,
    issuerKeys: createIssuerKeys(fetchDocument, deps.clock),
    failures: createFailureBudget(deps.clock),
  }
  const route = (method: 'GET' | 'POST', path: string, handler: Route['handler']): Route => ({
    method,
    path,
    handler: guarded(context, handler),
  })
  const factorRoutes = (path: string, place: FindPlace) => [
    route('POST', `${path}/factor`, submitFactor(context, place)),
    route('POST', `${path}/enrol`, confirmEnrolment(context, place)),
    route('GET', `${path}/passkey`, showPasskey(context, place)),
    route('POST', `${path}/passkey`, submitPasskey(context, place)),
  ]
  return {
    identityTests,
    routes: [
      route('GET', '/', async (exchange) => answerPage(exchange, 200, homePage(context.snapshots.current().publicUrl))),
      route('GET', '/setup', showSetup(context)),
      route('POST', '/setup', submitSetup(context)),
      route('GET', '/login/:uid', showLogin(context, 'login')),
      route('POST', '/login/:uid', submitLogin(context, 'login')),
      route('GET', '/consent/:uid', showConsent(context)),
      route('POST', '/consent/:uid', decideConsent(context)),
      route('GET', '/login/:uid/with/:provider', beginProviderLogin(context, 'login')),
      route('POST', '/login/:uid/where', findProvider(context, 'login')),
      route('POST', '/consent/:uid/account/where', findProvider(context, 'consent')),
      route('GET', '/login/:uid/return', returnToInteraction(context, 'login')),
      route('GET', '/consent/:uid/account/with/:provider', beginProviderLogin(context, 'consent')),
      route('GET', '/consent/:uid/account/return', returnToInteraction(context, 'consent')),
      route('GET', '/oidc/callback/:provider', finishProviderLogin(context, identityTests)),
      route('GET', '/oidc/test/:test', identityTests.send),
      { method: 'POST', path: '/oidc/logout/:provider', handler: receiveLogout(logoutContext) },
      ...(['login', 'consent'] as const).flatMap((page) => {
        const path = page === 'login' ? '/login/:uid' : '/consent/:uid/account'
        const place = placeOfInteraction(context, page)
        return factorRoutes(path, place)
      }),
      ...factorRoutes('/account', placeOfAccount(context)),
      route('GET', '/account', showAccount(context)),
      route('POST', '/account', submitAccountLogin(context)),
      route('POST', '/account/totp', beginTotp(context)),
      route('POST', '/account/totp/remove', removeTotp(context)),
      route('GET', '/account/passkeys/new', showNewPasskey(context)),
      route('POST', '/account/passkeys', addPasskey(context)),
      route('POST', '/account/passkeys/remove', removePasskey(context)),
      route('POST', '/account/recovery-codes', renewRecoveryCodes(context)),
      route('POST', '/account/leave', leaveAccount(context)),
      route('GET', PASSKEY_SCRIPT_PATH, async (exchange) =>
        sendText(exchange.response, 200, PASSKEY_SCRIPT, SCRIPT_HEADERS),
      ),
      route('GET', '/consent/:uid/account', showLogin(context, 'consent')),
      route('POST', '/consent/:uid/account', submitLogin(context, 'consent')),
      route('GET', ICON_PATH, async (exchange) => sendText(exchange.response, 200, ICON, ICON_HEADERS)),
    ],
  }
}

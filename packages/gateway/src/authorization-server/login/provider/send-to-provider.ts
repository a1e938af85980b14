import {
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client'
import { ok, type Result, refused } from '#core/result.ts'
import type { IdentityProvider } from '#core/snapshot.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { sendRedirect } from '#http/respond.ts'
import type { PageContext } from '../../pages/deps.ts'
import { githubAuthorizationUrl } from './github.ts'
import { setLoginCookie } from './login-cookie.ts'
import { parametersOf, scopesOf } from './profiles.ts'
import { digestOf, keep, type LoginTransaction } from './transactions.ts'

/** As long as the interaction that it belongs to. */
const TRANSACTION_SECONDS = 600

export function callbackPath(provider: string): string {
  return `/oidc/callback/${encodeURIComponent(provider)}`
}

/** Keeps what the answer is held against, and sends the browser; or says why the provider could not be asked for its addresses. */
export async function sendToProvider(
  context: Pick<PageContext, 'store' | 'snapshots' | 'sealer' | 'clock' | 'random' | 'openProvider'>,
  exchange: HttpExchange,
  provider: IdentityProvider,
  asked: Pick<LoginTransaction, 'uid' | 'place'> & {
    readonly maxAgeSeconds: number
    readonly more: Readonly<Record<string, string>>
  },
): Promise<Result<'sent', { readonly cause: unknown }>> {
  const { publicUrl } = context.snapshots.current()
  const { uid, place, maxAgeSeconds, more } = asked
  const [state, nonce, verifier] = [randomState(), randomNonce(), randomPKCECodeVerifier()]
  const parameters = {
    redirect_uri: `${publicUrl}${callbackPath(provider.name)}`,
    scope: scopesOf(provider).join(' '),
    state,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parametersOf(provider, maxAgeSeconds),
    ...more,
  }
  let url: URL
  try {
    url =
      provider.profile === 'github'
        ? githubAuthorizationUrl(provider, parameters)
        : buildAuthorizationUrl(await context.openProvider(provider), { ...parameters, nonce })
  } catch (cause) {
    return refused({ cause })
  }
  const browser = setLoginCookie(exchange, context.random)
  const transaction = { provider: provider.name, uid, place, verifier, nonce, browser: digestOf(browser) }
  await keep(context, 'transaction', state, transaction, TRANSACTION_SECONDS)
  sendRedirect(exchange.response, url.href)
  return ok('sent')
}

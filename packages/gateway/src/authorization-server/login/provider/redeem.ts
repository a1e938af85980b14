import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client'
import { ok, type Result, refused } from '#core/result.ts'
import type { IdentityProvider } from '#core/snapshot.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { PageContext } from '../../pages/deps.ts'
import { redeemAtGithub } from './github.ts'
import { callbackPath } from './send-to-provider.ts'
import type { LoginTransaction } from './transactions.ts'

export interface Redeemed {
  /** Of the verified ID token. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly refreshToken: string | null
}

export interface NotRedeemed {
  readonly reason: 'providerRefused' | 'providerUnreachable' | 'idTokenInvalid'
  /** What the library found; null where it said no more than the reason. */
  readonly cause: unknown
}

/** What the code was good for, or why it was good for nothing. */
export async function redeem(
  { snapshots, openProvider }: Pick<PageContext, 'snapshots' | 'openProvider'>,
  exchange: HttpExchange,
  provider: IdentityProvider,
  { verifier, nonce }: Pick<LoginTransaction, 'verifier' | 'nonce'>,
  state: string,
): Promise<Result<Redeemed, NotRedeemed>> {
  const { publicUrl } = snapshots.current()
  const url = new URL(`${publicUrl}${callbackPath(provider.name)}`)
  if (provider.profile === 'github') return await redeemCode(exchange, provider, url.href, verifier)
  url.search = exchange.query.toString()
  try {
    const tokens = await authorizationCodeGrant(await openProvider(provider), url, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    })
    const claims = tokens.claims()
    return claims === undefined
      ? refused({ reason: 'idTokenInvalid', cause: null })
      : ok({ claims, refreshToken: tokens.refresh_token ?? null })
  } catch (cause) {
    return refused({ reason: reasonOf(cause), cause })
  }
}

function reasonOf(cause: unknown): NotRedeemed['reason'] {
  if (
    cause instanceof AuthorizationResponseError ||
    cause instanceof ResponseBodyError ||
    // RFC 6749 §5.2: how a client that it does not believe is answered, where that came with the header.
    cause instanceof WWWAuthenticateChallengeError
  )
    return 'providerRefused'
  return isOfTheWay(cause) ? 'providerUnreachable' : 'idTokenInvalid'
}

/** As `authorizationCodeGrant` does it for others: an error of the provider, or exactly one code. */
async function redeemCode(
  { query }: HttpExchange,
  provider: IdentityProvider,
  redirectUri: string,
  verifier: string,
): Promise<Result<Redeemed, NotRedeemed>> {
  const codes = query.getAll('code')
  const [code] = codes
  if (query.has('error') || codes.length !== 1 || code === undefined)
    return refused({ reason: 'providerRefused', cause: null })
  const claims = await redeemAtGithub(provider, code, { redirectUri, verifier })
  return typeof claims === 'string' ? refused({ reason: claims, cause: null }) : ok({ claims, refreshToken: null })
}

function isOfTheWay(cause: unknown): boolean {
  return cause instanceof Error && (cause.name === 'OutboundFailure' || isOfTheWay(cause.cause))
}

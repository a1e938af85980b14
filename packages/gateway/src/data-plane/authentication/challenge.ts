import type { LoginDemand, ServerEntry, Snapshot } from '#core/snapshot.ts'
import { DPOP_ALGORITHMS } from '#identity/sender/dpop-proof.ts'
import { baselineScopes } from '#policy/decide.ts'
import { advertisedScopes } from '#policy/external-scopes.ts'
import { printableDemand } from '#policy/login-demands.ts'
import { senderRuleOf } from '#policy/sender-rules.ts'
import type { TokenScheme } from '#wire/oauth/credential.ts'
import { resourceMetadataUrl } from '#wire/oauth/metadata-url.ts'
import { type DpopError, printBearerChallenge, printDpopChallenge } from '#wire/oauth/www-authenticate.ts'

export function metadataUrl(server: ServerEntry, snapshot: Snapshot): string {
  return resourceMetadataUrl(snapshot.publicUrl, `/mcp/${server.id}`)
}

export type ChallengeCause =
  /** RFC 6750 §3.1: no credential, so no error code either. */
  | { readonly kind: 'tokenMissing' }
  | { readonly kind: 'tokenInvalid' }
  /** A good token that is not for whoever merely holds it. */
  | { readonly kind: 'senderUnproven' }
  | { readonly kind: 'proofInvalid' }
  | { readonly kind: 'proofNonceNeeded' }
  | { readonly kind: 'requestInvalid' }
  /** `scopes`: everything the call needs and the token has. */
  | { readonly kind: 'scopeInsufficient'; readonly scopes: readonly string[] }
  /** RFC 9470 §3: the login that the token came from is not strong or fresh enough. */
  | { readonly kind: 'loginInsufficient'; readonly scopes: readonly string[]; readonly demand: LoginDemand }

/**
 * The one challenge of a refusal, in the scheme that the token came by; at a server whose tokens have to be bound it is DPoP (RFC 9449 §7.1).
 * The same sentence for every invalid token: what is wrong with it is for the audit record.
 */
export function challenge(
  cause: ChallengeCause,
  server: ServerEntry,
  snapshot: Snapshot,
  scheme: TokenScheme = 'bearer',
): string {
  const { error, errorDescription, scopes = baselineScopes(server) } = sentenceOf(cause)
  const common = {
    realm: server.resource,
    resourceMetadata: metadataUrl(server, snapshot),
    scopes: advertisedScopes(server, scopes),
    errorDescription,
    ...(cause.kind === 'loginInsufficient' ? { login: printableDemand(cause.demand) } : {}),
  }
  const rule = senderRuleOf(server, snapshot)
  if (
    scheme === 'dpop' ||
    rule === 'dpop' ||
    rule === 'any' ||
    error === 'invalid_dpop_proof' ||
    error === 'use_dpop_nonce'
  )
    return printDpopChallenge({ ...common, error, algorithms: DPOP_ALGORITHMS })
  return printBearerChallenge({ ...common, error })
}

interface Sentence {
  readonly error: DpopError | null
  readonly errorDescription: string | null
  /** Absent: the baseline of the server. */
  readonly scopes?: readonly string[]
}

function sentenceOf(cause: ChallengeCause): Sentence {
  switch (cause.kind) {
    case 'tokenMissing':
      return { error: null, errorDescription: null }
    case 'tokenInvalid':
      return { error: 'invalid_token', errorDescription: 'The access token is expired, revoked or not valid here' }
    case 'senderUnproven':
      return {
        error: 'invalid_token',
        errorDescription: 'The access token works only together with the key or certificate that it is bound to',
      }
    case 'proofInvalid':
      return {
        error: 'invalid_dpop_proof',
        errorDescription: 'The DPoP proof is missing or not valid for this request',
      }
    case 'proofNonceNeeded':
      return { error: 'use_dpop_nonce', errorDescription: 'Make the DPoP proof again, with the nonce of this answer' }
    case 'requestInvalid':
      return {
        error: 'invalid_request',
        errorDescription: 'Send one access token, in the Authorization header',
        scopes: [],
      }
    case 'loginInsufficient':
      return {
        error: 'insufficient_user_authentication',
        errorDescription: 'This call needs a stronger or more recent login than the access token comes from',
        scopes: cause.scopes,
      }
    case 'scopeInsufficient':
      return {
        error: 'insufficient_scope',
        errorDescription: 'This call needs more scopes than the access token has',
        scopes: cause.scopes,
      }
  }
}

import type { LoginDemand } from '#core/snapshot.ts'
import type { TokenScheme } from '#wire/oauth/credential.ts'

/**
 * Every way the data plane says no. Closed: `respond.ts` maps each to HTTP status, WWW-Authenticate and JSON-RPC code, exhaustively.
 * The name and `reason` go to the audit record; the caller learns the category only.
 */
export type Refusal =
  // admission
  | { readonly name: 'originForbidden' }
  | { readonly name: 'serverUnknown' }
  | { readonly name: 'methodNotAllowed'; readonly allow: readonly string[] }
  | { readonly name: 'mediaTypeUnsupported' }
  | { readonly name: 'notAcceptable' }
  | { readonly name: 'headerMalformed'; readonly reason: string }
  | { readonly name: 'bodyTooLarge'; readonly bytesMax: number }
  | { readonly name: 'bodyIncomplete' }
  | { readonly name: 'jsonInvalid'; readonly reason: string }
  | { readonly name: 'messageInvalid'; readonly reason: string; readonly id: string | number | null }
  | { readonly name: 'batchNotAllowed' }
  | {
      readonly name: 'revisionUnsupported'
      readonly requested: string
      /** Where the server behind us speaks less than we do. */
      readonly supported?: readonly string[]
      readonly id: string | number | null
    }
  /** 2026-07-28: a header is missing, unreadable or says something else than the body. */
  | { readonly name: 'headerMismatch'; readonly header: string; readonly id: string | number | null }
  | { readonly name: 'metaInvalid'; readonly reason: string; readonly id: string | number | null }
  // authentication
  | { readonly name: 'tokenMissing' }
  | { readonly name: 'tokenInvalid'; readonly reason: string; readonly scheme?: TokenScheme }
  | { readonly name: 'tokenInQuery' }
  /** The token is good, but not for whoever merely holds it: it is bound, has to be, or was shown as what it is not. */
  | { readonly name: 'senderUnproven'; readonly reason: string }
  | { readonly name: 'proofInvalid'; readonly reason: string }
  /** RFC 9449 §9: the proof has to be made again, with this nonce. */
  | { readonly name: 'proofNonceNeeded'; readonly reason: string; readonly nonce: string }
  | { readonly name: 'authorizationMalformed' }
  | { readonly name: 'verifierUnavailable'; readonly reason: string }
  // sessions
  | { readonly name: 'sessionRequired' }
  | { readonly name: 'sessionUnknown'; readonly reason: string }
  | { readonly name: 'sessionsExhausted' }
  // authorization
  | {
      readonly name: 'scopeInsufficient'
      readonly scopes: readonly string[]
      /** How the token was shown; absent: as a bearer token. */
      readonly scheme?: TokenScheme
      readonly id: string | number | null
    }
  /** RFC 9470: scopes and roles suffice, the login does not. */
  | {
      readonly name: 'loginInsufficient'
      readonly reason: 'oneFactorOnly' | 'tooLongAgo'
      readonly demand: LoginDemand
      readonly scopes: readonly string[]
      readonly scheme?: TokenScheme
      readonly id: string | number | null
    }
  | { readonly name: 'roleForbids'; readonly id: string | number | null }
  | { readonly name: 'methodUnmapped'; readonly method: string; readonly id: string | number | null }
  /** The same in 2026-07-28, which has another status for it. */
  | { readonly name: 'methodUnknown'; readonly method: string; readonly id: string | number | null }
  | { readonly name: 'toolUnknown'; readonly tool: string; readonly id: string | number | null }
  | { readonly name: 'rateLimited'; readonly retryAfterSeconds: number; readonly id: string | number | null }
  // inspection
  | { readonly name: 'argumentsRefused'; readonly reason: string; readonly id: string | number | null }
  | { readonly name: 'resultRefused'; readonly reason: string; readonly id: string | number | null }
  /** The server asks for something that this client did not declare it can do (2026-07-28). */
  | { readonly name: 'capabilityMissing'; readonly required: readonly string[]; readonly id: string | number | null }
  /** `requestState` that was not given to this caller for this very request, or not lately. */
  | { readonly name: 'requestStateRefused'; readonly reason: string; readonly id: string | number | null }
  // upstream
  | { readonly name: 'upstreamUnavailable'; readonly reason: string; readonly id: string | number | null }
  | { readonly name: 'upstreamTimeout'; readonly id: string | number | null }
  // ourselves
  | { readonly name: 'auditUnavailable' }
  | { readonly name: 'outcomeUnrecorded' }
  | { readonly name: 'shuttingDown' }

/** RFC 6750 §3.1, RFC 9470 §3. */
export type BearerError =
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'insufficient_user_authentication'
/** RFC 9449 §7.1. */
export type DpopError = BearerError | 'invalid_dpop_proof' | 'use_dpop_nonce'

export interface BearerChallenge {
  readonly realm: string
  /** RFC 9728 §5.1: URL of the protected-resource metadata. */
  readonly resourceMetadata: string
  /** Everything the caller should ask for, in one challenge; empty leaves the attribute out. */
  readonly scopes: readonly string[]
  /** RFC 6750 §3: left out when the request carried no credential at all. */
  readonly error: BearerError | null
  readonly errorDescription: string | null
  /** RFC 9470 §3: what would be enough. */
  readonly login?: { readonly acrValues: readonly string[]; readonly maxAgeSeconds: number | null }
}

export interface DpopChallenge extends Omit<BearerChallenge, 'error'> {
  readonly error: DpopError | null
  /** Algorithms that proofs may be signed with. */
  readonly algorithms: readonly string[]
}

/** Prints a `WWW-Authenticate` value with the Bearer scheme (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1). */
export function printBearerChallenge(challenge: BearerChallenge): string {
  return `Bearer ${parametersOf(challenge).join(', ')}`
}

/** The same with the DPoP scheme (RFC 9449 §7.1). */
export function printDpopChallenge(challenge: DpopChallenge): string {
  return `DPoP ${[...parametersOf(challenge), `algs=${quoted(challenge.algorithms.join(' '))}`].join(', ')}`
}

function parametersOf(challenge: Omit<DpopChallenge, 'algorithms'>): string[] {
  const parameters = [`realm=${quoted(challenge.realm)}`]
  if (challenge.error !== null) parameters.push(`error=${quoted(challenge.error)}`)
  if (challenge.errorDescription !== null) parameters.push(`error_description=${quoted(challenge.errorDescription)}`)
  parameters.push(`resource_metadata=${quoted(challenge.resourceMetadata)}`)
  if (challenge.scopes.length > 0) parameters.push(`scope=${quoted(challenge.scopes.join(' '))}`)
  const { acrValues = [], maxAgeSeconds = null } = challenge.login ?? {}
  if (acrValues.length > 0) parameters.push(`acr_values=${quoted(acrValues.join(' '))}`)
  if (maxAgeSeconds !== null) parameters.push(`max_age=${quoted(String(maxAgeSeconds))}`)
  return parameters
}

/**
 * A quoted-string (RFC 9110 §5.6.4). RFC 6750 §3 allows only printable ASCII without quote and backslash in scope and error_description;
 * realm and URL could hold both, so they are escaped. Anything else becomes `?`: no value can end the header or add a parameter.
 */
function quoted(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, '?')
  return `"${printable.replace(/["\\]/g, '\\$&')}"`
}

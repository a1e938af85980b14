import type { EngineRefusal } from './unit-of-work.ts'

/** The engine's words for a grant type that is not among the client's. */
export const GRANT_NOT_ALLOWED = 'requested grant type is not allowed for this client'

export const DEVICE_NOT_ALLOWED = 'urn:ietf:params:oauth:grant-type:device_code is not allowed for this client'

/** Its words for a refresh token that was used before. */
export const TOKEN_REUSED = 'refresh token already used'
/** Its words for a DPoP proof that came before. */
export const PROOF_REPLAYED = 'DPoP proof JWT Replay detected'

/**
 * The engine's words for why it refused, as the reasons of our audit log. Its words may quote the request, so a phrase that is not listed
 * here is recorded by its OAuth error code alone.
 */
const REASONS: Readonly<Record<string, string>> = {
  'authorization code not found': 'codeUnknown',
  'authorization code is expired': 'codeExpired',
  'authorization code already consumed': 'codeReplayed',
  'authorization code redirect_uri mismatch': 'redirectMismatch',
  'authorization code invalid (referenced account not found)': 'accountNotActive',
  'refresh token not found': 'refreshTokenUnknown',
  'refresh token is expired': 'refreshTokenExpired',
  [TOKEN_REUSED]: 'refreshTokenReused',
  'refresh token invalid (referenced account not found)': 'accountNotActive',
  'code_verifier must be provided': 'pkceVerifierMissing',
  'code_verifier does not match code_challenge': 'pkceVerifierWrong',
  'client mismatch': 'clientMismatch',
  'grant not found': 'grantUnknown',
  'grant is expired': 'grantExpired',
  'client not found': 'clientUnknown',
  'device code not found': 'deviceCodeUnknown',
  'device code already consumed': 'codeReplayed',
  'invalid secret provided': 'clientSecretWrong',
  'the provided authentication mechanism does not match the registered client authentication method':
    'clientAuthMethodWrong',
  'client assertion tokens must only be used once': 'clientAssertionReplayed',
  [PROOF_REPLAYED]: 'proofReplayed',
  'failed jkt verification': 'proofKeyMismatch',
  'DPoP proof key thumbprint does not match dpop_jkt': 'proofKeyMismatch',
  'missing DPoP proof JWT': 'proofMissing',
  'DPoP proof JWT not provided': 'proofMissing',
  'mutual TLS client certificate not provided': 'certificateMissing',
  'failed x5t#S256 verification': 'certificateMismatch',
  'client certificate was not provided': 'certificateMissing',
  'client certificate was not verified': 'certificateNotVouchedFor',
  'certificate subject value does not match the registered one': 'certificateSubjectWrong',
  'unregistered client certificate provided': 'certificateUnknown',
  dpopRequired: 'dpopRequired',
  mtlsRequired: 'mtlsRequired',
  bindingRequired: 'bindingRequired',
}

/** Descriptions are looked at too: the engine puts some reasons only there. */
const REASONS_BY_DESCRIPTION: Readonly<Record<string, string>> = {
  'Authorization Server policy requires PKCE to be used for this request': 'pkceMissing',
  'code_challenge_method must be provided': 'pkceMethodMissing',
  'not supported value of code_challenge_method': 'pkceMethodWrong',
  'DPoP proof htm mismatch': 'proofForOtherMethod',
  'DPoP proof htu mismatch': 'proofForOtherUrl',
  'invalid DPoP key binding': 'proofSignatureInvalid',
  'nonce is required in the DPoP proof': 'proofNonceMissing',
  'invalid nonce in DPoP proof': 'proofNonceStale',
  [GRANT_NOT_ALLOWED]: 'grantTypeNotAllowed',
  [DEVICE_NOT_ALLOWED]: 'grantTypeNotAllowed',
  'device code is expired': 'deviceCodeExpired',
  'request_uri is invalid, expired, or was already used': 'pushedRequestUsedUp',
  'Pushed Authorization Request must be used': 'pushedRequestMissing',
}

export function reasonOf(refusal: EngineRefusal): string {
  const known =
    refusal.reason ??
    (refusal.detail === null ? undefined : REASONS[refusal.detail]) ??
    (refusal.description === null ? undefined : REASONS_BY_DESCRIPTION[refusal.description])
  return known ?? camelCase(refusal.code)
}

function camelCase(code: string): string {
  return code.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

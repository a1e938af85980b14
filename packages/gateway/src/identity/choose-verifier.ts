import type { AccessTokenVerifier } from './access-tokens.ts'
import { API_KEY_PREFIX } from './api-key-text.ts'

/**
 * One verifier for the door: the first characters say which road a credential takes, before it is hashed or looked at. An access token
 * begins with `{` in base64url (`ey`), so neither can pass for the other; whatever is neither is refused as a token.
 */
export function chooseVerifier(accessTokens: AccessTokenVerifier, apiKeys: AccessTokenVerifier): AccessTokenVerifier {
  return {
    judge: (principal, resource) => accessTokens.judge(principal, resource),
    verify: (text, resource, address) =>
      text.startsWith(API_KEY_PREFIX)
        ? apiKeys.verify(text, resource, address)
        : accessTokens.verify(text, resource, address),
  }
}

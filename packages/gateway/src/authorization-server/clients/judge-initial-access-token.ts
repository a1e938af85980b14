import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import { hashApiKey, INITIAL_ACCESS_TOKEN_PREFIX, readApiKeyText } from '#identity/api-key-text.ts'
import type { ClientAdmission } from '#store/ports/clients.ts'
import type { Store } from '#store/ports/store.ts'
import type { BearerCredential } from '#wire/oauth/bearer.ts'

/**
 * RFC 7591 §3, RFC 6750: an initial access token in the Authorization header. Null when none was shown; one that is shown and no good is
 * refused and never ignored. Whether a use is left is judged once more, and counted, where the client is stored.
 */
export async function judgeInitialAccessToken(
  credential: BearerCredential,
  tenant: TenantId,
  { store, clock }: { readonly store: Pick<Store, 'initialAccessTokens'>; readonly clock: Clock },
): Promise<Result<ClientAdmission | null, string>> {
  if (credential.kind === 'missing') return ok(null)
  if (credential.kind === 'malformed') return refused('initialAccessTokenInvalid: malformed')
  const text = credential.token.reveal()
  const read = readApiKeyText(text, INITIAL_ACCESS_TOKEN_PREFIX)
  if (read === null) return refused('initialAccessTokenInvalid: malformed')
  const hash = hashApiKey(text)
  const token = await store.initialAccessTokens.find(tenant, read.secretId)
  if (token === null || !timingSafeEqual(Buffer.from(token.hash), Buffer.from(hash)))
    return refused('initialAccessTokenInvalid: unknown')
  const now = clock.nowSeconds()
  if (token.revokedAt !== null) return refused('initialAccessTokenInvalid: revoked')
  if (token.expiresAt <= now) return refused('initialAccessTokenInvalid: expired')
  if (token.uses >= token.usesMax) return refused('initialAccessTokenInvalid: usedUp')
  return ok({ kind: 'token', tokenId: token.tokenId, hash, now })
}

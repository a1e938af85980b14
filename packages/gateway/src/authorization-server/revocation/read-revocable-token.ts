import { createLocalJWKSet, errors, jwtVerify } from 'jose'
import { asGrantId, asSubjectId, asTokenId, type GrantId, type SubjectId, type TokenId } from '#core/ids.ts'
import { TOKEN_ALGORITHMS } from '#core/token-algorithms.ts'
import type { SigningKeys } from '#keys/signing-keys.ts'

export interface RevocableToken {
  readonly tokenId: TokenId
  readonly grantId: GrantId
  readonly subject: SubjectId
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/**
 * Reads an access token that a client wants revoked (RFC 7009 §2.1). Null, which the caller answers with 200, for anything that there is
 * nothing to do about: not signed by us, expired, or issued to another client.
 * Only the token itself is revoked, not its grant: RFC 7009 leaves that open, and a client that ends one token keeps its connection; one
 * that wants to end it revokes its refresh token.
 */
export async function readRevocableToken(
  token: string,
  clientId: string,
  of: { readonly keys: SigningKeys; readonly issuer: string; readonly now: number },
): Promise<RevocableToken | null> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [...of.keys.publicJwks] }), {
      issuer: of.issuer,
      typ: 'at+jwt',
      algorithms: [...TOKEN_ALGORITHMS],
      currentDate: new Date(of.now * 1000),
      requiredClaims: ['jti', 'exp', 'sub', 'gid', 'client_id'],
    })
    const { jti, exp, sub, gid, client_id: issuedTo } = payload
    if (issuedTo !== clientId || jti === undefined || exp === undefined || sub === undefined) return null
    if (typeof gid !== 'string') return null
    return { tokenId: asTokenId(jti), grantId: asGrantId(gid), subject: asSubjectId(sub), expiresAt: exp }
  } catch (error) {
    if (error instanceof errors.JOSEError) return null
    throw error
  }
}

import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import { baselineScopes } from '#policy/decide.ts'
import { resourceMetadataUrl } from '#wire/oauth/metadata-url.ts'
import { printBearerChallenge } from '#wire/oauth/www-authenticate.ts'

export function metadataUrl(server: ServerEntry, snapshot: Snapshot): string {
  return resourceMetadataUrl(snapshot.publicUrl, `/mcp/${server.id}`)
}

export type ChallengeCause =
  /** RFC 6750 §3.1: no credential, so no error code either. */
  | { readonly kind: 'tokenMissing' }
  | { readonly kind: 'tokenInvalid' }
  | { readonly kind: 'requestInvalid' }
  /** `scopes`: everything the call needs and the token has. */
  | { readonly kind: 'scopeInsufficient'; readonly scopes: readonly string[] }

/** The one challenge of a refusal. The same sentence for every invalid token: what is wrong with it is for the audit record. */
export function challenge(cause: ChallengeCause, server: ServerEntry, snapshot: Snapshot): string {
  const common = { realm: server.resource, resourceMetadata: metadataUrl(server, snapshot) }
  switch (cause.kind) {
    case 'tokenMissing':
      return printBearerChallenge({ ...common, scopes: baselineScopes(server), error: null, errorDescription: null })
    case 'tokenInvalid':
      return printBearerChallenge({
        ...common,
        scopes: baselineScopes(server),
        error: 'invalid_token',
        errorDescription: 'The access token is expired, revoked or not valid here',
      })
    case 'requestInvalid':
      return printBearerChallenge({
        ...common,
        scopes: [],
        error: 'invalid_request',
        errorDescription: 'Send one access token, in the Authorization header',
      })
    case 'scopeInsufficient':
      return printBearerChallenge({
        ...common,
        scopes: cause.scopes,
        error: 'insufficient_scope',
        errorDescription: 'This call needs more scopes than the access token has',
      })
  }
}

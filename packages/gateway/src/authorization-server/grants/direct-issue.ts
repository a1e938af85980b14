import type { ClientId, GrantId, SubjectId } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { ProtectedResource } from '#core/snapshot.ts'

/**
 * A token that comes without a person at a browser: decided by us from what the request shows, and then bound, signed and described by the
 * engine as every other.
 */
export interface DirectIssue {
  readonly subject: SubjectId
  readonly clientId: ClientId
  readonly resource: ProtectedResource
  readonly scopes: readonly string[]
  /** The grant that the token belongs to, and that revoking it reaches. */
  readonly grant: DirectGrant
  /** The token does not outlive this, whatever the configured lifetime. Seconds since the epoch. */
  readonly endsAt: number
  /** Claims besides those that every token has. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** For the audit record. */
  readonly detail: Readonly<Record<string, string>>
}

export type DirectGrant =
  | { readonly kind: 'standing'; readonly grantId: GrantId }
  | { readonly kind: 'new'; readonly grantId: GrantId; readonly scopes: readonly string[]; readonly expiresAt: number }

/** RFC 6749 §5.2, RFC 8707 §2. `description` is for the client's developer and quotes nothing; `reason` is for the audit record. */
export interface GrantProblem {
  readonly error: 'invalid_request' | 'invalid_grant' | 'invalid_scope' | 'invalid_target' | 'unauthorized_client'
  readonly description: string
  readonly reason: string
}

export type GrantResult<T> = Result<T, GrantProblem>

export const granted: typeof ok = ok

export function problem(error: GrantProblem['error'], reason: string, description: string): GrantResult<never> {
  return refused({ error, reason, description })
}

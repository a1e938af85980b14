import type { SubjectId, TenantId } from '#core/ids.ts'
import type { Principal } from './principal.ts'

/** Fed by the change feed. `isStale` once no poll has succeeded for 1 s: then callers answer 503, never a challenge. */
export interface Revocations {
  isStale(): boolean
  isRevoked(principal: Principal): boolean
  /** Called with every change of the feed, so that long streams end when their grant does. Returns an unsubscribe function. */
  onChange(listener: () => void): () => void
}

/** Roles of a subject, loaded on a miss, dropped when the feed names the subject. */
export interface Memberships {
  /** Null: no such account, or it is disabled. Rejects when the store cannot be read. */
  rolesOf(
    tenant: TenantId,
    subject: SubjectId,
  ): Promise<{ readonly roles: readonly string[]; readonly version: number } | null>
}

/** For whoever acts on a change of roles when it comes, and not at the next question. */
export interface LiveMemberships extends Memberships {
  /** Called when the roles of a subject may have changed, or with null those of all subjects, of all tenants. Returns an unsubscribe function. */
  onChange(listener: (tenant: TenantId | null, subject: SubjectId | null) => void): () => void
}

import { asSubjectId, type SubjectId, type TenantId } from '#core/ids.ts'
import type { AccountsPort } from '#store/ports/accounts.ts'
import type { FeedEntry } from '#store/ports/feed.ts'
import type { ProviderLoginsPort } from '#store/ports/provider-logins.ts'
import { createBoundedMap } from './bounded-map.ts'
import type { LiveMemberships } from './live-ports.ts'

/** Subjects whose roles are kept; the least recently used go first and are loaded again. */
const SUBJECTS_MAX = 10_000

type Membership = { readonly roles: readonly string[]; readonly version: number }

export interface MembershipsOptions {
  readonly accounts: Pick<AccountsPort, 'find'>
  /** Absent: nobody logs in elsewhere. */
  readonly logins?: Pick<ProviderLoginsPort, 'isSuspended'>
  /** The feed that says whose roles changed: `startRevocations(…)`. */
  readonly changes: {
    onEntries(listener: (entries: readonly FeedEntry[]) => void): () => void
    onReplay?(listener: () => void): () => void
    position(): number
  }
  readonly subjectsMax?: number
}

/**
 * Roles of active accounts, kept until the feed names the subject. Rejects for whoever is suspended because their provider cannot be asked. `version` is the feed number that the roles are at least as new as.
 * Stale feeds are refused at authentication, before anyone asks for roles.
 */
export function createMemberships(options: MembershipsOptions): LiveMemberships {
  const kept = createBoundedMap<string, { readonly membership: Membership | null }>(options.subjectsMax ?? SUBJECTS_MAX)
  const loading = new Map<string, Promise<Membership | null>>()
  const listeners = new Set<Parameters<LiveMemberships['onChange']>[0]>()
  const announce: Parameters<LiveMemberships['onChange']>[0] = (tenant, subject) => {
    for (const listener of listeners) listener(tenant, subject)
  }
  const forgetAll = (tenant: TenantId | null) => {
    kept.clear()
    loading.clear()
    announce(tenant, null)
  }
  options.changes.onReplay?.(() => forgetAll(null))
  options.changes.onEntries((entries) => {
    for (const entry of entries) {
      if (entry.kind === 'tenant') forgetAll(entry.tenant)
      else if (entry.kind === 'subject' || entry.kind === 'membership') {
        const key = keyOf(entry.tenant, entry.id)
        kept.delete(key)
        // A load that began before the change may bring the old roles: it is disowned, and the next caller starts another.
        loading.delete(key)
        announce(entry.tenant, asSubjectId(entry.id))
      }
    }
  })
  const load = (tenant: TenantId, subject: SubjectId, key: string) => {
    const version = options.changes.position()
    const promise = Promise.all([
      options.accounts.find(tenant, subject),
      options.logins?.isSuspended(tenant, subject) ?? false,
    ])
      .then(([account, isSuspended]): Membership | null => {
        // Not gone, and not known to be here: like a store that cannot be read.
        if (isSuspended) throw new Error('the identity provider of this subject could not be asked for too long')
        const membership = account?.status === 'active' ? { roles: account.roles, version } : null
        if (loading.get(key) === promise) kept.set(key, { membership })
        return membership
      })
      .finally(() => {
        if (loading.get(key) === promise) loading.delete(key)
      })
    loading.set(key, promise)
    return promise
  }
  return {
    rolesOf: async (tenant, subject) => {
      const key = keyOf(tenant, subject)
      const found = kept.get(key)
      return found === undefined ? (loading.get(key) ?? load(tenant, subject, key)) : found.membership
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}

/** Neither part can hold a space. */
function keyOf(tenant: string, subject: string): string {
  return `${tenant} ${subject}`
}

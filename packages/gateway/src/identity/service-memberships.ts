import { isServiceSubject } from '#core/service-subject.ts'
import type { SnapshotSource } from '#core/snapshot.ts'
import { servicesOf } from '#policy/services.ts'
import type { LiveMemberships } from './live-ports.ts'

/** The configuration that says what a service may do is part of every decision by its own version. */
const NO_VERSION = 0

/**
 * Memberships of people and of services. A service holds one role, its own subject, for as long as the configuration names it: whoever takes
 * it out of the file ends its tokens with the next look.
 */
export function withServices(people: LiveMemberships, snapshots: Pick<SnapshotSource, 'current'>): LiveMemberships {
  return {
    rolesOf: async (tenant, subject) => {
      if (!isServiceSubject(subject)) return people.rolesOf(tenant, subject)
      const snapshot = snapshots.current()
      const isKnown = tenant === snapshot.tenant && servicesOf(snapshot).has(subject)
      return isKnown ? { roles: [subject], version: NO_VERSION } : null
    },
    onChange: (listener) => people.onChange(listener),
  }
}

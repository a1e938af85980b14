import type { Clock } from '#core/clock.ts'
import type { Random } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { newSetupLink, SETUP_LINK_SECONDS } from '#identity/setup-link.ts'
import type { Store } from '#store/ports/store.ts'

/**
 * While nobody has an account: a link that creates the first one, once. Each start makes a new one and ends the old.
 * Null as soon as there is an account. The store keeps only the hash of its token.
 */
export async function issueSetupLink(
  store: Store,
  snapshot: Snapshot,
  clock: Clock,
  random: Random,
): Promise<string | null> {
  if ((await store.accounts.count(snapshot.tenant)) > 0) return null
  const { token, linkHash } = newSetupLink(random)
  await store.accounts.issueSetupLink(snapshot.tenant, linkHash, clock.nowSeconds() + SETUP_LINK_SECONDS)
  return `${snapshot.publicUrl}/setup?token=${token}`
}

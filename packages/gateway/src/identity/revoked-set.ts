import { ACCESS_TOKEN_SECONDS_MAX } from '#core/token-lifetime.ts'
import type { FeedEntry } from '#store/ports/feed.ts'
import type { Principal } from './principal.ts'

/** About 60 MB when full. Beyond it the oldest would have to be forgotten too early, so the set says that it cannot be trusted. */
const REVOKED_ENTRIES_MAX = 500_000
/** Added to the life of a token, for clocks that differ between replicas. */
const KEPT_MARGIN_SECONDS = 60
const KEPT_SECONDS = ACCESS_TOKEN_SECONDS_MAX + KEPT_MARGIN_SECONDS

interface Kept {
  readonly at: number
  /** Grants with a smaller number are dead; infinite for kinds that name the thing itself. */
  readonly grantsBelow: number
}

/** What the feed revoked within the life of a token. Older entries cannot matter: every token they could name has expired. */
export interface RevokedSet {
  add(entry: FeedEntry, nowSeconds: number): void
  forgetOld(nowSeconds: number): void
  covers(principal: Principal): boolean
  isOverfull(): boolean
}

export function createRevokedSet(entriesMax: number = REVOKED_ENTRIES_MAX): RevokedSet {
  // Insertion order is the order of the feed, so the oldest entries come first.
  const kept = new Map<string, Kept>()
  let isOverfull = false
  const isDead = (key: string, grantNumber: number) => {
    const entry = kept.get(key)
    return entry !== undefined && grantNumber < entry.grantsBelow
  }
  const keys = new WeakMap<Principal, readonly string[]>()
  /** Made once: a cached principal is asked about with every request. */
  const keysOf = (principal: Principal): readonly string[] => {
    const known = keys.get(principal)
    if (known !== undefined) return known
    const { tenant, tokenId, grantId, subject, clientId, delegation } = principal
    const made = [
      keyOf('grant', tenant, grantId),
      keyOf('token', tenant, tokenId),
      keyOf('subject', tenant, subject),
      keyOf('client', tenant, clientId),
      keyOf('tenant', tenant, tenant),
      // A token that was handed on ends with each of those that it came from.
      ...(delegation?.exchanges ?? []).flatMap((from) => [
        keyOf('token', tenant, from.tokenId),
        keyOf('client', tenant, from.clientId),
      ]),
    ]
    keys.set(principal, made)
    return made
  }
  return {
    add: (entry, nowSeconds) => {
      if (entry.kind === 'membership' || entry.kind === 'signingKeys' || entry.at + KEPT_SECONDS < nowSeconds) return
      const key = keyOf(entry.kind, entry.tenant, entry.id)
      const grantsBelow = Math.max(boundOf(entry), kept.get(key)?.grantsBelow ?? 0)
      kept.delete(key)
      kept.set(key, { at: entry.at, grantsBelow })
      if (kept.size > entriesMax) isOverfull = true
    },
    forgetOld: (nowSeconds) => {
      for (const [key, { at }] of kept) {
        if (at + KEPT_SECONDS >= nowSeconds) break
        kept.delete(key)
      }
      // Nothing was dropped while overfull, so it can be trusted again once it fits.
      if (kept.size <= entriesMax) isOverfull = false
    },
    covers: (principal) => kept.size > 0 && keysOf(principal).some((key) => isDead(key, principal.grantNumber)),
    isOverfull: () => isOverfull,
  }
}

/** A subject, client or tenant entry without a number revokes everything of theirs: missing means no. */
function boundOf(entry: FeedEntry): number {
  const hasNumber = entry.kind === 'subject' || entry.kind === 'client' || entry.kind === 'tenant'
  return hasNumber && entry.grantsBelow !== null ? entry.grantsBelow : Number.POSITIVE_INFINITY
}

/** Tenant and kind first; neither can hold a space, so no two things share a key. */
function keyOf(kind: FeedEntry['kind'], tenant: string, id: string): string {
  return `${kind} ${tenant} ${id}`
}

/**
 * What a store may let its readers know, so that they need not wait for their next look. Hints may come late, twice or never: whoever must
 * not miss a thing looks by itself.
 * `feed`: there may be new entries. `settle`: somebody waits for places in the audit log.
 * `replay` alone is certain, and comes before the next answer of the feed: what is read from now on may come from another server than
 * before, which may have lost the newest entries and given their numbers again. What was read by number must be read again from the start.
 */
export type StoreHint = 'feed' | 'settle' | 'replay'

export interface HintsPort {
  /** Returns a function that ends the subscription. */
  subscribe(listener: (hint: StoreHint) => void): () => void
  /** Tells every process on this store, this one included. */
  send(hint: 'settle'): void
}

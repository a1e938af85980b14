import type { Clock } from '#core/clock.ts'
import { type Result, refused } from '#core/result.ts'
import type { DocumentProblem, MetadataDocument } from './fetch-metadata-document.ts'

/** Documents kept, at most 5 KiB each; the one used longest ago goes first. */
const DOCUMENTS_MAX = 1_000
/** Documents being fetched at a time, all hosts together. */
const FETCHES_MAX = 8
/** How long a document outlives its freshness while its server cannot answer, so that a short outage does not log people out. */
const STALE_SECONDS_MAX = 3600
/** Pause between two tries while an old document stands in. */
const RETRY_SECONDS = 30

interface Kept {
  readonly document: MetadataDocument
  readonly freshUntilMs: number
  readonly usableUntilMs: number
}

export type FetchOne = () => Promise<Result<MetadataDocument, DocumentProblem>>

/**
 * One cache for all engines and requests of this process. Failures are never kept (draft-ietf-oauth-client-id-metadata-document §5.2);
 * callers who ask for the same URL at the same time share one fetch.
 */
export interface DocumentCache {
  get(url: string, fetchOne: FetchOne): Promise<Result<MetadataDocument, DocumentProblem>>
}

export function createDocumentCache(clock: Clock): DocumentCache {
  const kept = new Map<string, Kept>()
  const underWay = new Map<string, Promise<Result<MetadataDocument, DocumentProblem>>>()

  const keep = (url: string, entry: Kept): void => {
    kept.delete(url)
    kept.set(url, entry)
    for (const oldest of kept.keys()) {
      if (kept.size <= DOCUMENTS_MAX) break
      kept.delete(oldest)
    }
  }

  const refresh = async (url: string, fetchOne: FetchOne): Promise<Result<MetadataDocument, DocumentProblem>> => {
    const fetched = await fetchOne()
    const nowMs = clock.monotonicMs()
    if (fetched.ok) {
      const freshUntilMs = nowMs + fetched.value.freshSeconds * 1000
      keep(url, { document: fetched.value, freshUntilMs, usableUntilMs: freshUntilMs + STALE_SECONDS_MAX * 1000 })
      return fetched
    }
    const old = kept.get(url)
    if (fetched.refusal.isPassing && old !== undefined && nowMs < old.usableUntilMs) {
      keep(url, { ...old, freshUntilMs: Math.min(nowMs + RETRY_SECONDS * 1000, old.usableUntilMs) })
      return { ok: true, value: old.document }
    }
    // The owner now says something else, or has been silent for too long: what was said before no longer holds.
    kept.delete(url)
    return fetched
  }

  return {
    async get(url, fetchOne) {
      const entry = kept.get(url)
      if (entry !== undefined && clock.monotonicMs() < entry.freshUntilMs) {
        keep(url, entry)
        return { ok: true, value: entry.document }
      }
      const shared = underWay.get(url)
      if (shared !== undefined) return await shared
      if (underWay.size >= FETCHES_MAX) {
        // Slow documents of strangers must not keep out a client whose document was good a moment ago.
        if (entry !== undefined && clock.monotonicMs() < entry.usableUntilMs) return { ok: true, value: entry.document }
        return refused({
          problem: 'Too many clients are being looked up just now. Try again.',
          reason: 'busy',
          isPassing: true,
        })
      }
      const fetching = refresh(url, fetchOne).finally(() => underWay.delete(url))
      underWay.set(url, fetching)
      return await fetching
    },
  }
}

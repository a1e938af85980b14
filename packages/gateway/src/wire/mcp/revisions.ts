import type { JsonValue } from '../jsonrpc/message.ts'

/** Revisions of the wire we speak with sessions (the "legacy" era of the specification), oldest first. */
export const LEGACY_REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25'] as const
export type LegacyRevision = (typeof LEGACY_REVISIONS)[number]

/** What `initialize` answers to a client that asks for a revision we do not speak. */
export const LATEST_LEGACY_REVISION: LegacyRevision = '2025-11-25'

/** What a request without `MCP-Protocol-Version` is taken for (2025-06-18 and later, transports §Protocol Version Header). */
export const ASSUMED_REVISION: LegacyRevision = '2025-03-26'

/** Revisions without sessions, whose every request says what it needs (the "modern" era), oldest first. */
const MODERN_REVISIONS = ['2026-07-28'] as const
export type ModernRevision = (typeof MODERN_REVISIONS)[number]

/** What we ask upstreams in, and call ourselves by, in the modern era. */
export const LATEST_MODERN_REVISION: ModernRevision = '2026-07-28'

/** What version errors list, newest first. */
export const SUPPORTED_REVISIONS: readonly string[] = [...LEGACY_REVISIONS, ...MODERN_REVISIONS].reverse()

/** Where the server behind us speaks one era only, this is what is left of the list. */
export function revisionsOf(era: 'legacy' | 'modern'): readonly string[] {
  return SUPPORTED_REVISIONS.filter((revision) => isModernRevision(revision) === (era === 'modern'))
}

/** Of the revisions that a server of the modern era names, those that we speak too: with it we speak the newest, whatever it names. */
export function revisionsSharedWith(named: JsonValue | undefined): readonly string[] {
  const theirs = Array.isArray(named) ? named : []
  return SUPPORTED_REVISIONS.filter((revision) => revision === LATEST_MODERN_REVISION || theirs.includes(revision))
}

export function isModernRevision(text: string): text is ModernRevision {
  return (MODERN_REVISIONS as readonly string[]).includes(text)
}

export function isLegacyRevision(text: string): text is LegacyRevision {
  return (LEGACY_REVISIONS as readonly string[]).includes(text)
}

/** JSON-RPC batches came with 2025-03-26 and were removed in 2025-06-18. */
export function allowsBatches(revision: LegacyRevision): boolean {
  return revision === '2025-03-26'
}

/** Revisions of the wire we speak with sessions (the "legacy" era of the specification), oldest first. */
export const LEGACY_REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25'] as const
export type LegacyRevision = (typeof LEGACY_REVISIONS)[number]

/** What `initialize` answers to a client that asks for a revision we do not speak. */
export const LATEST_LEGACY_REVISION: LegacyRevision = '2025-11-25'

/** What a request without `MCP-Protocol-Version` is taken for (2025-06-18 and later, transports §Protocol Version Header). */
export const ASSUMED_REVISION: LegacyRevision = '2025-03-26'

/** What version errors list, newest first. */
export const SUPPORTED_REVISIONS: readonly string[] = [...LEGACY_REVISIONS].reverse()

export function isLegacyRevision(text: string): text is LegacyRevision {
  return (LEGACY_REVISIONS as readonly string[]).includes(text)
}

/** Revisions are dates; anything else in the header is malformed rather than unknown. */
export function isRevisionSyntax(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text)
}

/** JSON-RPC batches came with 2025-03-26 and were removed in 2025-06-18. */
export function allowsBatches(revision: LegacyRevision): boolean {
  return revision === '2025-03-26'
}

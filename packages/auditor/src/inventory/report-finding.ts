import { createHash } from 'node:crypto'
import type { Finding } from '#report/model.ts'
import { INVENTORY_RULES } from './inventory-rules.ts'
import type { Remark } from './judge-server.ts'

/** Where a remark belongs: a file, with or without an entry in it, or a server that was named by URL. */
export type Place =
  | { readonly kind: 'file'; readonly path: string; readonly line: number | null; readonly server: string | null }
  | { readonly kind: 'url'; readonly url: string; readonly server: string }

/** A remark as a finding of the report. Lines move and don't count for the fingerprint. */
export function reportFinding({ code, severity, detail, key, tool }: Remark, place: Place): Finding {
  const { title, why, fix, references } = INVENTORY_RULES[code]
  const where = place.kind === 'file' ? place.path : place.url
  return {
    code,
    verdict: severity === 'low' || severity === 'info' ? 'warn' : 'fail',
    severity,
    title,
    detail,
    why,
    fixes: [{ stack: 'any', text: fix }],
    references,
    subject: subjectOf(place, tool),
    evidence: { exchanges: [], quote: null, reproduce: null },
    fingerprint: hash([code, where, place.server, tool, key]),
    isAccepted: false,
  }
}

function subjectOf(place: Place, tool: string | null): Finding['subject'] {
  if (tool !== null && place.server !== null) return { kind: 'tool', server: place.server, tool }
  return place.kind === 'file' ? place : { kind: 'server', url: place.url }
}

function hash(parts: readonly (string | null)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}

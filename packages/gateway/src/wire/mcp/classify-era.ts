import type { JsonRpcMessage } from '../jsonrpc/message.ts'
import { memberOf } from '../jsonrpc/raw-json.ts'
import { metaOf, PROTOCOL_VERSION_META } from './meta.ts'
import { isLegacyRevision } from './revisions.ts'

export type Era =
  | { readonly kind: 'legacy' }
  /**
   * `requested` is what the message asked for, or where it does not say so the header; null: the message names something that is no
   * text. `claim` tells which of the two made the message modern.
   */
  | { readonly kind: 'modern'; readonly claim: 'body' | 'header'; readonly requested: string | null }

/**
 * Which era a message belongs to. The body decides: a version in `_meta` is modern whatever the header says. A header that names no legacy
 * revision makes even a legacy-looking body modern, because its sender will read our answer by those rules; such a message is never
 * served, because what the modern era needs is not in it.
 */
export function classifyEra(revisionHeader: string | null, message: JsonRpcMessage): Era {
  const meta = message.kind === 'response' ? null : metaOf(message.params)
  if (meta !== null && Object.hasOwn(meta, PROTOCOL_VERSION_META)) {
    const requested = memberOf(meta, PROTOCOL_VERSION_META)
    return { kind: 'modern', claim: 'body', requested: typeof requested === 'string' ? requested : null }
  }
  if (revisionHeader !== null && !isLegacyRevision(revisionHeader)) {
    return { kind: 'modern', claim: 'header', requested: revisionHeader }
  }
  return { kind: 'legacy' }
}

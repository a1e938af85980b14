import type { JsonRpcMessage } from '../jsonrpc/message.ts'
import { isJsonObject, memberOf } from '../jsonrpc/raw-json.ts'
import { isLegacyRevision } from './revisions.ts'

/** Every modern request names its revision here (2026-07-28, basic/index §_meta). */
export const PROTOCOL_VERSION_META = 'io.modelcontextprotocol/protocolVersion'

const REQUESTED_CHARACTERS_MAX = 64

export type Era =
  | { readonly kind: 'legacy' }
  /** `requested` is what the message (or else the header) asked for, cut to 64 characters. */
  | { readonly kind: 'modern'; readonly requested: string }

/**
 * Which era a message belongs to. The body decides: a version in `_meta` is modern whatever the header says. A header that names a revision
 * we do not speak makes even a legacy-looking body modern, because its sender will read our answer by those rules.
 */
export function classifyEra(revisionHeader: string | null, message: JsonRpcMessage): Era {
  const params = message.kind === 'response' ? null : message.params
  const meta = params === null ? undefined : memberOf(params, '_meta')
  if (isJsonObject(meta) && Object.hasOwn(meta, PROTOCOL_VERSION_META)) {
    const requested = memberOf(meta, PROTOCOL_VERSION_META)
    return modern(typeof requested === 'string' ? requested : 'not a string')
  }
  if (revisionHeader !== null && !isLegacyRevision(revisionHeader)) return modern(revisionHeader)
  return { kind: 'legacy' }
}

function modern(requested: string): Era {
  return { kind: 'modern', requested: requested.slice(0, REQUESTED_CHARACTERS_MAX) }
}

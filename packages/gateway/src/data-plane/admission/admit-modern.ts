import type { JsonObject, JsonRpcMessage, JsonRpcRequest, MessageId } from '#wire/jsonrpc/message.ts'
import { isJsonObject, memberOf } from '#wire/jsonrpc/raw-json.ts'
import type { Era } from '#wire/mcp/classify-era.ts'
import {
  CLIENT_CAPABILITIES_META,
  CLIENT_INFO_META,
  LOG_LEVEL_META,
  metaOf,
  PROTOCOL_VERSION_META,
} from '#wire/mcp/meta.ts'
import { decodeHeaderValue, nameSource } from '#wire/mcp/mirrored-headers.ts'
import { isModernRevision } from '#wire/mcp/revisions.ts'
import type { Refusal } from '../refusal.ts'
import type { RequestHead } from './request-head.ts'

type ModernHead = Pick<RequestHead, 'revisionHeader' | 'mirror'>
type ModernEra = Extract<Era, { kind: 'modern' }>

/**
 * What keeps a message of the modern era from going on; null when its `_meta` is complete and every header says what the body says.
 * Headers that repeat arguments are compared later, because which those are stands in the tool's definition.
 * Pure. 2026-07-28, basic/index §_meta and streamable-http §Server Validation.
 */
export function modernProblem(message: JsonRpcMessage, era: ModernEra, head: ModernHead): Refusal | null {
  const id = message.kind === 'notification' ? null : message.id
  if (message.kind === 'response') {
    return { name: 'messageInvalid', reason: 'a client of this revision sends no responses', id }
  }
  const version = versionProblem(message.method, era, head, message.kind === 'request', id)
  if (version !== null) return version
  if (message.kind === 'notification') {
    // "Header requirements for notification POSTs are not defined by this revision": what is said must still be true.
    const { method } = head.mirror
    return method === null || method === message.method ? null : mismatch('Mcp-Method', id)
  }
  return metaProblem(message.params, message.id) ?? headerProblem(message, head)
}

function versionProblem(
  method: string,
  { claim, requested }: ModernEra,
  { revisionHeader }: ModernHead,
  isRequest: boolean,
  id: MessageId | null,
): Refusal | null {
  if (requested === null) return { name: 'metaInvalid', reason: `${PROTOCOL_VERSION_META} must be a string`, id }
  if (claim === 'body' && revisionHeader !== requested && (isRequest || revisionHeader !== null)) {
    return mismatch('MCP-Protocol-Version', id)
  }
  if (!isModernRevision(requested)) return { name: 'revisionUnsupported', requested, id }
  if (claim === 'body' || !isRequest) return null
  // A handshake of the older era under a header of the newer: two readers would take it for two things.
  if (method === 'initialize') return mismatch('MCP-Protocol-Version', id)
  return { name: 'metaInvalid', reason: `_meta needs ${PROTOCOL_VERSION_META}`, id }
}

function metaProblem(params: JsonObject | null, id: MessageId): Refusal | null {
  const meta = metaOf(params) ?? {}
  const problem = (reason: string): Refusal => ({ name: 'metaInvalid', reason, id })
  const capabilities = memberOf(meta, CLIENT_CAPABILITIES_META)
  if (capabilities === undefined) return problem(`_meta needs ${CLIENT_CAPABILITIES_META}`)
  if (!isJsonObject(capabilities)) return problem(`${CLIENT_CAPABILITIES_META} must be an object`)
  const clientInfo = memberOf(meta, CLIENT_INFO_META)
  if (clientInfo !== undefined && !isJsonObject(clientInfo)) return problem(`${CLIENT_INFO_META} must be an object`)
  const logLevel = memberOf(meta, LOG_LEVEL_META)
  return logLevel === undefined || typeof logLevel === 'string' ? null : problem(`${LOG_LEVEL_META} must be a string`)
}

function headerProblem({ method, params, id }: JsonRpcRequest, { mirror }: ModernHead): Refusal | null {
  if (mirror.method !== method) return mismatch('Mcp-Method', id)
  const source = nameSource(method)
  const name = source === null || params === null ? undefined : memberOf(params, source)
  // Without a name in the body there is nothing to repeat; a later step says what the method needs.
  if (source === null || (name === undefined && mirror.name === null)) return null
  const repeated = mirror.name === null ? null : decodeHeaderValue(mirror.name)
  return repeated !== null && repeated === name ? null : mismatch('Mcp-Name', id)
}

function mismatch(header: string, id: MessageId | null): Refusal {
  return { name: 'headerMismatch', header, id }
}

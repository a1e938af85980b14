import type { JsonObject, JsonValue } from '#wire/jsonrpc/message.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { isLegacyRevision, LATEST_LEGACY_REVISION, type LegacyRevision } from '#wire/mcp/revisions.ts'

/** MCP lifecycle, version negotiation: the client's revision if we speak it, else our newest; the client may then leave. */
export function negotiateFront(requested: JsonValue | undefined): LegacyRevision {
  return typeof requested === 'string' && isLegacyRevision(requested) ? requested : LATEST_LEGACY_REVISION
}

/** An upstream may answer with an older revision than the client's; the oldest differs in transport only, which stdio does not feel. */
export function upstreamRevisionIsSpoken(revision: JsonValue | undefined): revision is string {
  return typeof revision === 'string' && (isLegacyRevision(revision) || revision === '2024-11-05')
}

/** Priming events came with 2025-11-25; older clients would parse their empty data as a message. */
export function revisionPrimesStreams(revision: LegacyRevision): boolean {
  return revision === '2025-11-25'
}

/**
 * What we tell the upstream the client can do: only what the return road carries, and only what the client's revision knows.
 * `tasks`, `experimental` and extensions are not carried, so they are not promised.
 */
export function clientCapabilitiesCarried(declared: JsonValue | undefined, revision: LegacyRevision): JsonObject {
  const all = objectOrEmpty(declared)
  const carried: JsonObject = {}
  if (isJsonObject(all['roots'])) carried['roots'] = all['roots']
  if (isJsonObject(all['sampling'])) {
    carried['sampling'] = revision === '2025-11-25' ? all['sampling'] : {}
  }
  if (isJsonObject(all['elicitation']) && revision !== '2025-03-26') {
    carried['elicitation'] = revision === '2025-11-25' ? all['elicitation'] : {}
  }
  return carried
}

const SERVER_CAPABILITIES = ['logging', 'completions', 'prompts', 'resources', 'tools'] as const

/** What we tell the client the server can do: the capabilities whose methods and notifications we carry. */
export function serverCapabilitiesCarried(declared: JsonValue | undefined): JsonObject {
  const all = objectOrEmpty(declared)
  const carried: JsonObject = {}
  for (const name of SERVER_CAPABILITIES) {
    const capability = all[name]
    if (isJsonObject(capability)) carried[name] = capability
  }
  return carried
}

/** The kinds of server request that this client declared it can take. */
export function clientTakes(capabilities: JsonObject, method: string, params: JsonObject | null): boolean {
  switch (method) {
    case 'roots/list':
      return isJsonObject(capabilities['roots'])
    case 'sampling/createMessage': {
      const sampling = capabilities['sampling']
      if (!isJsonObject(sampling)) return false
      const usesTools = params?.['tools'] !== undefined || params?.['toolChoice'] !== undefined
      return !usesTools || isJsonObject(sampling['tools'])
    }
    case 'elicitation/create': {
      const elicitation = capabilities['elicitation']
      if (!isJsonObject(elicitation)) return false
      // 2025-11-25: an empty declaration means form mode; URL mode must be named.
      if (params?.['mode'] === 'url') return isJsonObject(elicitation['url'])
      return isJsonObject(elicitation['form']) || Object.keys(elicitation).length === 0
    }
    default:
      return false
  }
}

function objectOrEmpty(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {}
}

import { ok, type Result, refused } from '#core/result.ts'
import type { JsonObject, JsonRpcNotification, JsonValue } from '#wire/jsonrpc/message.ts'
import { isJsonObject, memberOf } from '#wire/jsonrpc/raw-json.ts'

/** Resources that one subscription may name, and the longest name of one. */
const RESOURCES_MAX = 256
const URI_CHARS_MAX = 2048

const LIST_CHANGES = ['toolsListChanged', 'promptsListChanged', 'resourcesListChanged'] as const
type ListChange = (typeof LIST_CHANGES)[number]

/** What a listener wants to hear of (2026-07-28, patterns/subscriptions). */
export interface SubscriptionFilter {
  readonly lists: ReadonlySet<ListChange>
  readonly resources: ReadonlySet<string>
}

/** Reads `notifications` of `subscriptions/listen`, or of its acknowledgement. Members of extensions are left out: none is in force. */
export function readFilter(params: JsonObject | null): Result<SubscriptionFilter, string> {
  const asked = params === null ? undefined : memberOf(params, 'notifications')
  if (!isJsonObject(asked)) return refused('"notifications" must be an object')
  const lists = new Set<ListChange>()
  for (const name of LIST_CHANGES) {
    const value = memberOf(asked, name)
    if (value !== undefined && typeof value !== 'boolean') return refused(`"${name}" must be true or false`)
    if (value === true) lists.add(name)
  }
  const uris = readUris(memberOf(asked, 'resourceSubscriptions'))
  return uris.ok ? ok({ lists, resources: new Set(uris.value) }) : uris
}

function readUris(value: JsonValue | undefined): Result<readonly string[], string> {
  if (value === undefined) return ok([])
  const uris = Array.isArray(value) ? value.filter((uri) => typeof uri === 'string') : []
  if (!Array.isArray(value) || uris.length !== value.length) {
    return refused('"resourceSubscriptions" must be a list of URIs')
  }
  if (uris.length > RESOURCES_MAX || uris.some((uri) => uri.length > URI_CHARS_MAX)) {
    return refused('"resourceSubscriptions" is too large')
  }
  return ok(uris)
}

/** What the client asked for and the server said it will send: no more than either. */
export function bothWant(asked: SubscriptionFilter, granted: SubscriptionFilter): SubscriptionFilter {
  return {
    lists: new Set([...asked.lists].filter((name) => granted.lists.has(name))),
    resources: new Set([...asked.resources].filter((uri) => granted.resources.has(uri))),
  }
}

export function printFilter({ lists, resources }: SubscriptionFilter): JsonObject {
  const printed: JsonObject = {}
  for (const name of lists) printed[name] = true
  if (resources.size > 0) printed['resourceSubscriptions'] = [...resources]
  return printed
}

/** Whether a listener asked for this. Everything unknown is unwanted. */
export function isWanted({ method, params }: JsonRpcNotification, { lists, resources }: SubscriptionFilter): boolean {
  switch (method) {
    case 'notifications/tools/list_changed':
      return lists.has('toolsListChanged')
    case 'notifications/prompts/list_changed':
      return lists.has('promptsListChanged')
    case 'notifications/resources/list_changed':
      return lists.has('resourcesListChanged')
    case 'notifications/resources/updated': {
      const uri = params === null ? undefined : memberOf(params, 'uri')
      return typeof uri === 'string' && resources.has(uri)
    }
    default:
      return false
  }
}

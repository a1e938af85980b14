import { ok, type Result, refused } from '#core/result.ts'
import type { JsonObject, JsonRpcMessage, JsonValue, MessageId } from './message.ts'
import { isJsonObject, isRawNumber, memberOf } from './raw-json.ts'

/** Ids are kept while a call is pending, so they are bounded. Clients in use send small integers or UUIDs. */
const ID_CHARACTERS_MAX = 1024
const METHOD_CHARACTERS_MAX = 256

/** `id` is the request's id if one could be read, so that the refusal can name it. */
export interface MessageProblem {
  readonly reason: string
  readonly id: MessageId | null
}

/**
 * Reads one JSON-RPC 2.0 message in the form MCP allows: ids are strings or integers, `params` and `result` are objects, a response has
 * exactly one of `result` and `error`. A batch is an array and is not a message: take it apart before.
 */
export function readMessage(value: JsonValue): Result<JsonRpcMessage, MessageProblem> {
  if (!isJsonObject(value)) return refused({ reason: 'a message must be an object', id: null })
  const id = readId(memberOf(value, 'id'))
  const problem = (reason: string) => refused({ reason, id: id ?? null })
  if (memberOf(value, 'jsonrpc') !== '2.0') return problem('"jsonrpc" must be "2.0"')
  if (!Object.hasOwn(value, 'method')) return readResponse(value, id, problem)
  // A message that is a request to one reader and a response to another must not exist.
  if (Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error')) {
    return problem('a message has either a method or an outcome')
  }
  const method = memberOf(value, 'method')
  if (typeof method !== 'string' || method === '' || method.length > METHOD_CHARACTERS_MAX) {
    return problem('"method" must be a short string')
  }
  const params = memberOf(value, 'params')
  if (params !== undefined && !isJsonObject(params)) return problem('"params" must be an object')
  const common = { method, params: params ?? null, object: value }
  if (!Object.hasOwn(value, 'id')) return ok({ kind: 'notification', ...common })
  if (id === null) return problem('"id" must be a string or an integer')
  return ok({ kind: 'request', id, ...common })
}

function readResponse(
  value: JsonObject,
  id: MessageId | null,
  problem: (reason: string) => Result<never, MessageProblem>,
): Result<JsonRpcMessage, MessageProblem> {
  const hasResult = Object.hasOwn(value, 'result')
  const hasError = Object.hasOwn(value, 'error')
  if (!hasResult && !hasError) return problem('a message needs a "method", a "result" or an "error"')
  if (hasResult && hasError) return problem('a response has either a "result" or an "error"')
  if (hasResult && !isJsonObject(memberOf(value, 'result'))) return problem('"result" must be an object')
  if (hasError && !isErrorObject(memberOf(value, 'error'))) {
    return problem('"error" must have an integer code and a message')
  }
  if (id === null) {
    // JSON-RPC §5: the id is null on errors about a request whose id could not be read. Nothing else goes without one.
    const isAboutUnreadable = hasError && (memberOf(value, 'id') ?? null) === null
    if (!isAboutUnreadable) return problem('"id" must be a string or an integer')
  }
  return ok({ kind: 'response', id, isError: hasError, object: value })
}

function isErrorObject(error: JsonValue | undefined): boolean {
  if (!isJsonObject(error)) return false
  const code = memberOf(error, 'code')
  return (isRawNumber(code) || Number.isInteger(code)) && typeof memberOf(error, 'message') === 'string'
}

/** Null for anything that is not an id. A raw number such as `1.0` is the integer it stands for. */
function readId(value: JsonValue | undefined): MessageId | null {
  if (typeof value === 'string') return value.length <= ID_CHARACTERS_MAX ? value : null
  const number = isRawNumber(value) ? Number(value.rawJSON) : value
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : null
}

import { ok, type Result, refused } from '#core/result.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import { roleAllows } from '#policy/decide.ts'
import type { JsonObject, JsonValue, MessageId } from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject, isRawNumber } from '#wire/jsonrpc/raw-json.ts'
import { ERROR_CODES, isModernError } from '#wire/mcp/error-codes.ts'
import { metaOf, SERVER_INFO_META, withoutReservedMeta } from '#wire/mcp/meta.ts'
import { isCacheable, mayNeedInput } from '#wire/mcp/modern-methods.ts'
import { LATEST_MODERN_REVISION, revisionsSharedWith, SUPPORTED_REVISIONS } from '#wire/mcp/revisions.ts'
import type { Refusal } from '../refusal.ts'
import { clientTakes, serverCapabilitiesCarried } from '../sessions/capabilities.ts'
import { textHolds } from './find-credential.ts'
import { outwardError } from './outward-error.ts'
import type { ToolInventory } from './tool-inventory.ts'

export interface ModernResultContext {
  readonly method: string
  readonly id: MessageId
  readonly server: ServerEntry
  readonly snapshot: Snapshot
  /** Live roles of the subject, at the time of the answer. */
  readonly roles: readonly string[]
  readonly inventory: ToolInventory
  readonly credentialTexts: readonly string[]
  /** What the upstream was told the client can do. */
  readonly clientCapabilities: JsonObject
  /** The request carried answers or a state, so its result depends on more than a cache would compare. */
  readonly hasAnswers: boolean
  /** Binds the upstream's own state to this caller and request. */
  readonly sealState: (upstreamState: string | null) => string
}

export interface ModernAnswer {
  readonly status: number
  /** Under the upstream's id still: whoever answers puts the id of the request it answers. */
  readonly object: JsonObject
}

/** How long a client may go by an answer that a change of role or configuration makes wrong. */
const TTL_MS_MAX = 60_000

/** The largest `requestState` as the client gets it: sealed, in base64url. Larger ones are documents that belong elsewhere. */
const REQUEST_STATE_CHARS_MAX = 256 * 1024

/**
 * Judges the response of a modern upstream. Fields and content that we do not know pass as they came; what is changed is what would be
 * untrue or unsafe coming from us: capabilities that we do not carry, tools that the roles do not allow, cache hints for everybody, and
 * `requestState` that is not bound to its caller.
 */
export function inspectModernResult(object: JsonObject, context: ModernResultContext): Result<ModernAnswer, Refusal> {
  const { id, credentialTexts, server } = context
  const text = printJson(object)
  if (Buffer.byteLength(text) > server.limits.responseBytesMax) {
    return refused({ name: 'resultRefused', reason: 'resultTooLarge', id })
  }
  // An upstream that gives our credential away would hand the inner door's key to the caller; before sealing, where it could hide.
  if (textHolds(text, credentialTexts)) return refused({ name: 'resultRefused', reason: 'credentialInResult', id })
  const { error } = object
  const result = withOwnMeta(object['result'])
  if (isJsonObject(error)) return judgeError(outwardError(object, server.upstream), id)
  if (!isJsonObject(result)) return refused({ name: 'resultRefused', reason: 'resultMissing', id })
  const judged = judgeResult(result, context)
  return judged.ok ? ok({ status: 200, object: { ...object, result: judged.value } }) : judged
}

/** No extension is in force, so of the protocol's keys a result has `serverInfo` alone: another could pass for a message of ours. */
function withOwnMeta(result: JsonValue | undefined): JsonValue | undefined {
  const meta = isJsonObject(result) ? metaOf(result) : null
  return isJsonObject(result) && meta !== null ? { ...result, _meta: withoutReservedMeta(meta, RESULT_META) } : result
}

const RESULT_META: ReadonlySet<string> = new Set([SERVER_INFO_META])

function judgeError(object: JsonObject, id: MessageId): Result<ModernAnswer, Refusal> {
  const error = isJsonObject(object['error']) ? object['error'] : {}
  const raw = error['code'] ?? null
  const code = isRawNumber(raw) ? Number(raw.rawJSON) : raw
  if (code === ERROR_CODES.resourceNotFound) {
    return ok({ status: 200, object: { ...object, error: { ...error, code: ERROR_CODES.invalidParams } } })
  }
  const isReserved = typeof code === 'number' && code <= -32020 && code >= -32099
  // basic/index §Error Codes: nobody may send codes of this range that the specification has given no meaning.
  if (isReserved && !isModernError(object)) {
    return refused({ name: 'resultRefused', reason: 'errorCodeReserved', id })
  }
  if (code === ERROR_CODES.unsupportedProtocolVersion) {
    return ok({ status: 400, object: { ...object, error: { ...error, data: withOurRevisions(error['data']) } } })
  }
  if (code === ERROR_CODES.methodNotFound) return ok({ status: 404, object })
  return ok({ status: isReserved ? 400 : 200, object })
}

/** A client chooses from this list what it speaks to us, so what we do not speak is not on it. */
function withOurRevisions(data: JsonValue | undefined): JsonObject {
  const told = isJsonObject(data) ? data : {}
  const theirs = Array.isArray(told['supported']) ? told['supported'] : []
  const supported = SUPPORTED_REVISIONS.filter((revision) => theirs.includes(revision))
  return { requested: LATEST_MODERN_REVISION, ...told, supported }
}

function judgeResult(result: JsonObject, context: ModernResultContext): Result<JsonObject, Refusal> {
  const { id, method } = context
  const type = result['resultType']
  if (type === 'input_required') return judgeQuestions(result, context)
  // basic/index §ResultType: a value that nobody negotiated is invalid; none at all is `complete`.
  if (type !== 'complete' && type !== undefined)
    return refused({ name: 'resultRefused', reason: 'resultTypeUnknown', id })
  const complete = { ...result, resultType: 'complete' }
  // Where no hint belongs none is made, but one that is there binds a client as much as any.
  const hints = isCacheable(method) || Object.hasOwn(result, 'cacheScope') || Object.hasOwn(result, 'ttlMs')
  const hinted = hints ? withHints(complete, context) : complete
  if (method === 'tools/list') return ok({ ...hinted, tools: allowedTools(hinted, context) })
  return ok(method === 'server/discover' ? withOurCapabilities(hinted) : hinted)
}

/**
 * Every caller sees their own cut of a list and reads under their own token, so nothing of it is for everybody
 * (server/utilities/caching §Security Considerations).
 */
function withHints(result: JsonObject, { hasAnswers }: ModernResultContext): JsonObject {
  const ttl = result['ttlMs']
  const isSound = typeof ttl === 'number' && Number.isInteger(ttl) && ttl > 0 && !hasAnswers
  return { ...result, ttlMs: isSound ? Math.min(ttl, TTL_MS_MAX) : 0, cacheScope: 'private' }
}

function withOurCapabilities(result: JsonObject): JsonObject {
  const supportedVersions = [...revisionsSharedWith(result['supportedVersions'])]
  return { ...result, supportedVersions, capabilities: serverCapabilitiesCarried(result['capabilities']) }
}

function allowedTools(result: JsonObject, context: ModernResultContext): JsonObject[] {
  const { inventory, server, snapshot, roles } = context
  return inventory
    .learn(result['tools'], server)
    .filter(
      ({ toolClass, mirrored, name }) => mirrored !== null && roleAllows(snapshot, roles, server, toolClass, name),
    )
    .map(({ definition }) => definition)
}

function judgeQuestions(result: JsonObject, context: ModernResultContext): Result<JsonObject, Refusal> {
  const { id, method, server, clientCapabilities, sealState } = context
  const lie = (reason: string) => refused<Refusal>({ name: 'resultRefused', reason, id })
  if (!mayNeedInput(method)) return lie('inputNotAllowedHere')
  const { requestState, inputRequests } = result
  if (requestState === undefined && inputRequests === undefined) return lie('inputRequiredEmpty')
  if (requestState !== undefined && typeof requestState !== 'string') return lie('requestStateMalformed')
  if (inputRequests !== undefined && !isJsonObject(inputRequests)) return lie('inputRequestsMalformed')
  for (const question of Object.values(inputRequests ?? {})) {
    const capability = capabilityOf(question)
    if (capability === null) return lie('inputRequestUnknown')
    // patterns/mrtr: MUST NOT ask for what the client has not declared.
    if (!isDeclared(question, clientCapabilities)) {
      return refused({ name: 'capabilityMissing', required: [capability], id })
    }
  }
  const { ttlMs: _ttl, cacheScope: _scope, ...rest } = result
  const sealed = sealState(requestState ?? null)
  // A round that could not come back is refused where it begins, before a person has answered for nothing.
  if (sealed.length > stateCharsMax(server)) return lie('requestStateTooLarge')
  return ok({ ...rest, requestState: sealed })
}

/** Half of a request, so that the arguments and the answers have room beside it. */
function stateCharsMax({ limits }: ServerEntry): number {
  return Math.min(REQUEST_STATE_CHARS_MAX, limits.requestBytesMax / 2)
}

const CAPABILITIES: ReadonlyMap<string, string> = new Map([
  ['elicitation/create', 'elicitation'],
  ['sampling/createMessage', 'sampling'],
  ['roots/list', 'roots'],
])

function capabilityOf(question: JsonValue): string | null {
  const method = isJsonObject(question) ? question['method'] : undefined
  return typeof method === 'string' ? (CAPABILITIES.get(method) ?? null) : null
}

function isDeclared(question: JsonValue, capabilities: JsonObject): boolean {
  if (!isJsonObject(question) || typeof question['method'] !== 'string') return false
  const params = question['params']
  return clientTakes(capabilities, question['method'], isJsonObject(params) ? params : null)
}

import type { JsonObject, JsonRpcNotification, JsonValue, MessageId } from '#wire/jsonrpc/message.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { isModernError } from '#wire/mcp/error-codes.ts'
import {
  CLIENT_CAPABILITIES_META,
  CLIENT_INFO_META,
  LOG_LEVEL_META,
  metaOf,
  PROTOCOL_VERSION_META,
  withoutReservedMeta,
} from '#wire/mcp/meta.ts'
import { LATEST_MODERN_REVISION, revisionsOf, revisionsSharedWith } from '#wire/mcp/revisions.ts'
import { type Cleared, requireCleared } from '../inspection/inspect-arguments.ts'
import { progressTokenOf, withParam } from './correlation.ts'
import type { ModernEnd, ModernSending, ModernUpstream } from './modern.ts'
import type { ModernTransport } from './modern-transport.ts'

/** Longest wait for a server to say which era it is of; legacy processes may stay silent. */
const PROBE_MS = 5_000

/** How servers of the older era take a request before `initialize`: HTTP says no in its own words, some processes just exit. */
const LEGACY_SIGNS: ReadonlySet<string> = new Set(['notModern', 'processExited', 'stdoutEnded', 'stdinClosed'])

const CANCELLED = 'notifications/cancelled'

export interface ProbedEra {
  readonly era: 'modern' | 'legacy'
  /** What it speaks of what we speak, newest first. */
  readonly revisions: readonly string[]
}

/** Requests of the modern era over one transport: ids and progress tokens of ours, one absolute time limit, and only what belongs back. */
export class ModernServer implements ModernUpstream {
  readonly #transport: ModernTransport
  #lastId = 0

  constructor(transport: ModernTransport) {
    this.#transport = transport
  }

  async send(cleared: Cleared, sending: ModernSending): Promise<ModernEnd> {
    requireCleared(cleared)
    return await this.#run(cleared.object, sending)
  }

  /** A request of the gateway's own: nobody's arguments are in it. */
  async ask(method: string, params: JsonObject, timeoutMs: number): Promise<ModernEnd> {
    const meta = {
      [PROTOCOL_VERSION_META]: LATEST_MODERN_REVISION,
      [CLIENT_INFO_META]: { name: 'sallyport', version: '0' },
      [CLIENT_CAPABILITIES_META]: {},
    }
    const signal = new AbortController().signal
    const object = { jsonrpc: '2.0', method, params: { ...params, _meta: meta } }
    return await this.#run(object, { mirrored: [], signal, timeoutMs, onNotification: () => {} })
  }

  /**
   * Which era answers here; null when nothing does. Only an error that the modern specification alone has makes a refusal modern:
   * 2026-07-28, versioning §Backward Compatibility.
   */
  async probe(timeoutMs: number): Promise<ProbedEra | { readonly lost: string }> {
    const end = await this.ask('server/discover', {}, Math.min(timeoutMs, PROBE_MS))
    switch (end.kind) {
      case 'answered': {
        const { result } = end.object
        const named = isJsonObject(result) ? result['supportedVersions'] : undefined
        return Array.isArray(named) || isModernError(end.object) ? modern(named) : LEGACY
      }
      case 'timedOut':
        return LEGACY
      case 'lost':
        return LEGACY_SIGNS.has(end.reason) ? LEGACY : { lost: end.reason }
      case 'cancelled':
        return { lost: 'cancelled' }
    }
  }

  close(): Promise<void> {
    return this.#transport.close()
  }

  async #run(object: JsonObject, { mirrored, signal, timeoutMs, onNotification }: ModernSending): Promise<ModernEnd> {
    if (signal.aborted) return { kind: 'cancelled' }
    this.#lastId += 1
    const ourId = this.#lastId
    const params = isJsonObject(object['params']) ? object['params'] : null
    const token = progressTokenOf(params)
    const limit = startLimit(signal, timeoutMs)
    const answer = await this.#transport
      .exchange({
        object: underOurIds(object, ourId, token),
        ourId,
        mirrored,
        signal: limit.signal,
        timeoutMs,
        onNotification: (notification) => {
          const passed = passedBack(notification, object, ourId, token)
          return passed === null ? undefined : onNotification(passed)
        },
      })
      .finally(() => limit.end())
    if (signal.aborted) return { kind: 'cancelled' }
    if (answer.ok) return { kind: 'answered', object: answer.value.object }
    return limit.isUp() ? { kind: 'timedOut' } : { kind: 'lost', reason: answer.refusal.reason }
  }
}

interface Limit {
  readonly signal: AbortSignal
  /** Whether time has run out, rather than the caller gone. */
  isUp(): boolean
  /** The exchange is over: nothing is held on to any more. */
  end(): void
}

/** Aborts when the caller does, or when time is up. By hand: a signal that follows others costs more than the rest of a small call. */
function startLimit(caller: AbortSignal, timeoutMs: number | null): Limit {
  if (timeoutMs === null) return { signal: caller, isUp: () => false, end: () => {} }
  const controller = new AbortController()
  let isUp = false
  const follow = () => controller.abort(caller.reason)
  // Whoever has gone already does not go again.
  if (caller.aborted) follow()
  else caller.addEventListener('abort', follow, { once: true })
  const timer = setTimeout(() => {
    isUp = true
    controller.abort(new DOMException('the time limit of the request is up', 'TimeoutError'))
  }, timeoutMs)
  timer.unref()
  return {
    signal: controller.signal,
    isUp: () => isUp,
    end: () => {
      clearTimeout(timer)
      caller.removeEventListener('abort', follow)
    },
  }
}

const LEGACY: ProbedEra = { era: 'legacy', revisions: revisionsOf('legacy') }

function modern(named: JsonValue | undefined): ProbedEra {
  return { era: 'modern', revisions: revisionsSharedWith(named) }
}

function underOurIds(object: JsonObject, ourId: number, token: MessageId | null): JsonObject {
  const params = object['params']
  const renamed = { ...object, id: ourId }
  if (token === null || !isJsonObject(params)) return renamed
  return { ...renamed, params: { ...params, _meta: { ...metaOf(params), progressToken: ourId } } }
}

/** What may come back besides the answer: progress that was asked for, log messages that were asked for, and all that a listener gets. */
function passedBack(
  notification: JsonRpcNotification,
  request: JsonObject,
  ourId: number,
  token: MessageId | null,
): JsonRpcNotification | null {
  const own = withOwnMeta(notification)
  const { method, params, object } = own
  if (request['method'] === 'subscriptions/listen') {
    // patterns/cancellation: a cancellation of anything else is ignored.
    return method === CANCELLED && params?.['requestId'] !== ourId ? null : own
  }
  if (method === 'notifications/progress') {
    if (token === null || params?.['progressToken'] !== ourId) return null
    return withObject(own, withParam(object, 'progressToken', token))
  }
  if (method !== 'notifications/message') return null
  const requestParams = request['params']
  const meta = isJsonObject(requestParams) ? metaOf(requestParams) : null
  return meta !== null && Object.hasOwn(meta, LOG_LEVEL_META) ? own : null
}

/** Which subscription a message is of, the gateway alone says; whatever else the protocol could mean is of extensions, and none is in force. */
function withOwnMeta(notification: JsonRpcNotification): JsonRpcNotification {
  const meta = metaOf(notification.params)
  if (meta === null) return notification
  return withObject(notification, withParam(notification.object, '_meta', withoutReservedMeta(meta)))
}

function withObject(notification: JsonRpcNotification, object: JsonObject): JsonRpcNotification {
  const { params } = object
  return { ...notification, object, params: isJsonObject(params) ? params : null }
}

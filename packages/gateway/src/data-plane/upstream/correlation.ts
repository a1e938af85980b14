import { ok, type Result, refused } from '#core/result.ts'
import type { JsonObject, JsonValue, MessageId } from '#wire/jsonrpc/message.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'

/** `1` and `"1"` are different ids (JSON-RPC 2.0 §4). */
export function idKey(id: MessageId): string {
  return `${typeof id}:${id}`
}

export interface PendingEntry<T> {
  /** The id of the side that asked, given back with the answer. */
  readonly originalId: MessageId
  /** The id we chose for the other side. */
  readonly ourId: number
  /** Progress token of the side that asked; null when it wants no progress. */
  readonly progressToken: MessageId | null
  readonly value: T
}

/**
 * Requests of one direction on one connection: the asker's ids and progress tokens on one side, integers of ours on the other.
 * Nothing crosses that is not in here, so an answer, a cancellation or a progress note can only reach what it belongs to.
 */
export class PendingTable<T> {
  readonly #max: number
  readonly #byOurs = new Map<number, PendingEntry<T>>()
  readonly #byOriginal = new Map<string, PendingEntry<T>>()
  #last = 0

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#byOurs.size
  }

  entries(): readonly PendingEntry<T>[] {
    return [...this.#byOurs.values()]
  }

  open(
    originalId: MessageId,
    progressToken: MessageId | null,
    value: T,
  ): Result<PendingEntry<T>, 'idInUse' | 'tooMany'> {
    if (this.#byOriginal.has(idKey(originalId))) return refused('idInUse')
    if (this.#byOurs.size >= this.#max) return refused('tooMany')
    this.#last += 1
    const entry: PendingEntry<T> = { originalId, ourId: this.#last, progressToken, value }
    this.#byOurs.set(entry.ourId, entry)
    this.#byOriginal.set(idKey(originalId), entry)
    return ok(entry)
  }

  /** An id of ours that belongs to nobody's request, for requests the gateway makes itself. */
  reserve(): number {
    this.#last += 1
    return this.#last
  }

  /** Null for every id that is not pending, whatever its type: `"1"` is not ours. */
  byOurId(id: JsonValue | undefined): PendingEntry<T> | null {
    return typeof id === 'number' ? (this.#byOurs.get(id) ?? null) : null
  }

  byOriginalId(id: JsonValue | undefined): PendingEntry<T> | null {
    return typeof id === 'number' || typeof id === 'string' ? (this.#byOriginal.get(idKey(id)) ?? null) : null
  }

  close(entry: PendingEntry<T>): void {
    this.#byOurs.delete(entry.ourId)
    this.#byOriginal.delete(idKey(entry.originalId))
  }
}

/** The progress token a request carries in `params._meta`, if it is one. */
export function progressTokenOf(params: JsonObject | null): MessageId | null {
  const meta = params?.['_meta']
  const token = isJsonObject(meta) ? meta['progressToken'] : undefined
  return typeof token === 'string' || typeof token === 'number' ? token : null
}

/** The same request under our id, and with our id as its progress token if it had one. Everything else is left as it came. */
export function withOurIds(object: JsonObject, entry: PendingEntry<unknown>): JsonObject {
  const renamed: JsonObject = { ...object, id: entry.ourId }
  const params = object['params']
  if (entry.progressToken === null || !isJsonObject(params) || !isJsonObject(params['_meta'])) return renamed
  return { ...renamed, params: { ...params, _meta: { ...params['_meta'], progressToken: entry.ourId } } }
}

export function withParam(object: JsonObject, name: string, value: JsonValue): JsonObject {
  const params = object['params']
  return { ...object, params: { ...(isJsonObject(params) ? params : {}), [name]: value } }
}

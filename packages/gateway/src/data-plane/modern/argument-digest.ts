import { createHash } from 'node:crypto'
import type { JsonObject, JsonValue } from '#wire/jsonrpc/message.ts'
import { isRawNumber } from '#wire/jsonrpc/raw-json.ts'

/** What a client adds or changes between the rounds of one request (2026-07-28, patterns/mrtr). */
const ROUND_MEMBERS: ReadonlySet<string> = new Set(['_meta', 'inputResponses', 'requestState'])

/**
 * What a request asks for, as SHA-256 in base64url: the method and all of its params but what belongs to the round. Equal for any order
 * of members. Numbers count by their digits, so that two that JavaScript would round to the same are two; `1` and `1.0` are two as well,
 * which at worst refuses a client that prints its own arguments differently the second time.
 * Pure. Depth is bounded by admission.
 */
export function digestArguments(method: string, params: JsonObject | null): string {
  const asked = Object.entries(params ?? {}).filter(([key]) => !ROUND_MEMBERS.has(key))
  return digestJson([method, Object.fromEntries(asked)])
}

/** The same for any JSON: the answers of a round, for one. */
export function digestJson(value: JsonValue): string {
  return createHash('sha256').update(printCanonical(value)).digest('base64url')
}

function printCanonical(value: JsonValue): string {
  if (isRawNumber(value)) return value.rawJSON
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(printCanonical).join(',')}]`
  const members = Object.keys(value)
    .toSorted()
    // `Object.keys` named it, so the member is the object's own, `__proto__` included.
    .map((key) => `${JSON.stringify(key)}:${printCanonical(value[key] ?? null)}`)
  return `{${members.join(',')}}`
}

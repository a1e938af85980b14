import type { JsonValue, RawJsonNumber } from './message.ts'

/** TC39 "JSON.parse source text access", which Node 24 has and TypeScript's es2024 library does not declare yet. */
interface SourceTextJson {
  parse(
    text: string,
    reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown
  rawJSON(text: string): RawJsonNumber
  isRawJSON(value: unknown): value is RawJsonNumber
}

// Guaranteed by `engines.node >= 24`; raw-json.test.ts fails on a runtime without it.
const sourceText = JSON as unknown as SourceTextJson

/** Only for values that `JSON.rawJSON` made: an ordinary object with a member called `rawJSON` is not one. */
export function isRawNumber(value: unknown): value is RawJsonNumber {
  return sourceText.isRawJSON(value)
}

/** Parses valid JSON, keeping as raw text every number that JavaScript would print differently (`1.0`, `1e400`, 20 digits, `-0`). */
export function parseKeepingNumbers(text: string): JsonValue {
  return sourceText.parse(
    text,
    (_key, value, { source }) =>
      typeof value === 'number' && source !== undefined && !numberPrintsAs(value, source)
        ? sourceText.rawJSON(source)
        : value,
    // A reviver only replaces numbers by raw numbers, so the result is JSON still.
  ) as JsonValue
}

/** Whether `JSON.stringify` gives this number back as it came. `String(-0)` is `0`, so a negative zero does not. */
export function numberPrintsAs(value: number, source: string): boolean {
  return Number.isFinite(value) && String(value) === source
}

/** A plain object: not null, not an array, not a raw number. */
export function isJsonObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value)
}

/** The object's own member; undefined if there is none. Safe for `__proto__` and `constructor`. */
export function memberOf(object: { readonly [key: string]: JsonValue }, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

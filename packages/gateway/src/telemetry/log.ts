import { redactSecrets } from '@sallyport/inspect'
import { pino } from 'pino'
import type { Log, LogFields } from '#core/log.ts'
import { systemErrorCode } from '#core/system-error.ts'

/** Longest text in a log line; the rest is cut. */
const TEXT_CHARS_MAX = 4_096
const FIELD_DEPTH_MAX = 6
/** Members of one object or list. */
const MEMBERS_MAX = 100

/** So much is looked through for secrets before the text is cut: one that lies across the cut must be seen whole. */
const TEXT_CHARS_SEARCHED = 4 * TEXT_CHARS_MAX

/** Field names whose values are never written, whatever they look like; in any spelling, alone or as the last word. */
const SECRET_NAMES =
  /(?:authorization|cookies?|passwords?|secrets?|tokens?|verifier|assertion|(?:private|api)[-_. ]?keys?)$|^code$/i

/** Where finished lines go; standard error for `serve`. */
export interface LogDestination {
  write(line: string): void
}

/** JSON lines by pino. Every text is scrubbed of secrets (by field name and by form) on the way in. */
export function createLog(destination: LogDestination, level: 'debug' | 'info' | 'warn' | 'error' = 'info'): Log {
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message' },
    destination,
  )
  const at = (name: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    logger[name](scrub(fields ?? {}, 0) as object, clean(message))
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Never throws: whoever logs is often handling a failure already. */
function scrub(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return clean(value)
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value
  if (depth >= FIELD_DEPTH_MAX) return '[deep]'
  try {
    return scrubObject(value, depth)
  } catch {
    // A getter or toJSON of the value's own.
    return '[unreadable]'
  }
}

function scrubObject(value: object, depth: number): unknown {
  const inside = (member: unknown) => scrub(member, depth + 1)
  if (value instanceof Error) {
    const code = systemErrorCode(value)
    return {
      name: value.name,
      message: clean(value.message),
      ...(code === null ? {} : { code: clean(code) }),
      stack: clean(value.stack ?? ''),
      ...(value instanceof AggregateError ? { errors: inside(value.errors) } : {}),
      ...(value.cause === undefined ? {} : { cause: inside(value.cause) }),
    }
  }
  if (ArrayBuffer.isView(value)) return '[bytes]'
  if (Array.isArray(value)) return value.slice(0, MEMBERS_MAX).map(inside)
  if ('toJSON' in value && typeof value.toJSON === 'function') return inside(value.toJSON())
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MEMBERS_MAX)
      .map(([name, member]) => [clean(name), SECRET_NAMES.test(name) ? '[redacted]' : inside(member)]),
  )
}

function clean(text: string): string {
  const redacted = redactSecrets(text.slice(0, TEXT_CHARS_SEARCHED))
  return redacted.length > TEXT_CHARS_MAX ? `${redacted.slice(0, TEXT_CHARS_MAX)}…` : redacted
}

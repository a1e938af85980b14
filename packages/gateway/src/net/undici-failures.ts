import { errors } from 'undici'
import { OutboundFailure, type OutboundReason } from './outbound-failure.ts'

/** One name for what the HTTP library reports in many. `whenBroken` says what a broken connection means at this point. */
export function outboundFailure(error: unknown, whenBroken: 'unreachable' | 'reset'): OutboundFailure {
  if (error instanceof OutboundFailure) return error
  return new OutboundFailure(reasonOf(error, whenBroken), error)
}

function reasonOf(error: unknown, whenBroken: 'unreachable' | 'reset'): OutboundReason {
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) return 'timedOut'
  if (error instanceof errors.ConnectTimeoutError) return 'timedOut'
  if (error instanceof errors.HeadersOverflowError || error instanceof errors.ResponseExceededMaxSizeError)
    return 'tooLarge'
  if (error instanceof errors.HTTPParserError) return 'malformedResponse'
  if (error instanceof errors.ClientDestroyedError || error instanceof errors.ClientClosedError) return 'closed'
  if (error instanceof errors.RequestAbortedError) return 'aborted'
  if (error instanceof Error && error.name === 'AbortError') return 'aborted'
  return whenBroken
}

/** Field names in lower case; a field sent twice is joined with a comma (RFC 9110 §5.3). */
export function flatHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const flat: Record<string, string> = Object.create(null)
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return flat
}

/** Nothing is ever decompressed, so anything but identity cannot be read. RFC 9110 §8.4. */
export function isCompressed(headers: Readonly<Record<string, string>>): boolean {
  const encoding = headers['content-encoding']
  return encoding !== undefined && encoding.trim() !== '' && encoding.trim().toLowerCase() !== 'identity'
}

/** True when the announced length alone is already too much. */
export function announcesMoreThan(headers: Readonly<Record<string, string>>, bytesMax: number): boolean {
  const length = headers['content-length']
  return length !== undefined && Number(length) > bytesMax
}

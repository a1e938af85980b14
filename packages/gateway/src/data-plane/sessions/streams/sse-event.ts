import { printLine } from '#wire/jsonrpc/print-line.ts'

/** One message, as printed JSON, as a Server-Sent Event of one `data` line. */
export function printMessageEvent(id: string, json: string): string {
  return `id: ${id}\nevent: message\ndata: ${printLine(json)}\n\n`
}

/**
 * MCP 2025-11-25, Streamable HTTP: a stream starts with an event that has an id and empty data, so that the client can resume
 * before anything was said; `retry` tells it how long to wait.
 */
export function printPrimingEvent(id: string, retryMs: number): string {
  return `retry: ${retryMs}\nid: ${id}\ndata: \n\n`
}

/** Ignored by every SSE reader; keeps proxies from taking silence for death. */
export const KEEP_ALIVE_COMMENT = ': keep-alive\n\n'

/** `{stream}-{sequence}`: names the stream it belongs to, so that a cursor of one stream never replays another's messages. */
export function printEventId(stream: string, sequence: number): string {
  return `${stream}-${sequence}`
}

export function parseEventId(text: string): { readonly stream: string; readonly sequence: number } | null {
  const match = /^([ag][1-9][0-9]{0,8})-(0|[1-9][0-9]{0,8})$/.exec(text)
  if (!match?.[1] || match[2] === undefined) return null
  return { stream: match[1], sequence: Number(match[2]) }
}

import type { Answer } from './ask.ts'

/** Value of the first header line of that name, or null. */
export function headerOf({ headers }: Answer, name: string): string | null {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? null
}

/** The body as JSON, or undefined when it is none. */
export function jsonOf({ text }: Answer): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

export function objectOf(answer: Answer): Record<string, unknown> | null {
  const value = jsonOf(answer)
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}

/** Messages of JSON-RPC in a body: one, a list, or those of an event stream. */
export function messagesOf(answer: Answer): Record<string, unknown>[] {
  const texts = headerOf(answer, 'content-type')?.startsWith('text/event-stream')
    ? [...answer.text.matchAll(/^data: ?(.*)$/gm)].map(([, data = '']) => data)
    : [answer.text]
  return texts.flatMap((text) => {
    try {
      const value: unknown = JSON.parse(text)
      return [value].flat().filter(isMessage)
    } catch {
      return []
    }
  })
}

function isMessage(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && (value as { jsonrpc?: unknown }).jsonrpc === '2.0'
}

/** Whether the server did what was asked: 2xx with a `result`. */
export function hasResult(answer: Answer): boolean {
  return isSuccess(answer) && messagesOf(answer).some((message) => message['result'] !== undefined)
}

export function resultOf(answer: Answer): Record<string, unknown> | null {
  const result = messagesOf(answer).find((message) => message['result'] !== undefined)?.['result']
  return typeof result === 'object' && result !== null ? (result as Record<string, unknown>) : null
}

export function errorCodeOf(answer: Answer): number | null {
  const error = messagesOf(answer).find((message) => message['error'] !== undefined)?.['error']
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : null
  return typeof code === 'number' ? code : null
}

export function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300
}

/** Whether the server said no to this request, rather than being unable to answer it, or answering too many. */
export function isRefusal({ status, failure }: Answer): boolean {
  return failure === null && status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429
}

/** RFC 9110 §11.6.1: the challenges of a scheme, parameters by name in lower case. */
export function challengeOf(answer: Answer, scheme: string): ReadonlyMap<string, string> | null {
  for (const [name, value] of answer.headers) {
    if (name.toLowerCase() !== 'www-authenticate') continue
    const [, rest] = new RegExp(`(?:^|,\\s*)${scheme}(?:\\s+(.*))?$`, 'is').exec(value) ?? []
    if (rest === undefined && !new RegExp(`^${scheme}\\s*$`, 'i').test(value)) continue
    const parameters = [...(rest ?? '').matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/g)]
    return new Map(parameters.map(([, key = '', quoted, token]) => [key.toLowerCase(), quoted ?? token ?? '']))
  }
  return null
}

/** The texts in a member of a document that should be a list of them. */
export function textsOf(value: unknown): string[] {
  return [value].flat(1).filter((one): one is string => typeof one === 'string')
}

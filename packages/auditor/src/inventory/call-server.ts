import { type Connection, Refused, readAnswer, Unanswered } from './list-tools.ts'

export interface CallLimits {
  readonly requestMs: number
  readonly answerBytesMax: number
}

export const CALL_LIMITS: CallLimits = { requestMs: 20_000, answerBytesMax: 8 * 1024 * 1024 }

/**
 * A server called over streamable HTTP, with the headers of its entry. Redirects are not followed: they could take the
 * credential to another host. What the server asks back is not answered.
 */
export function callServer(
  url: string,
  headers: Readonly<Record<string, string>>,
  limits: CallLimits = CALL_LIMITS,
): Connection {
  const address = URL.parse(url)
  if (address === null || !['http:', 'https:'].includes(address.protocol))
    throw new Unanswered('its URL is not http(s)')
  let id = 0
  let session: string | null = null
  let revision: string | null = null

  const post = async (message: Record<string, unknown>, extra: Record<string, string>): Promise<Response> => {
    try {
      return await fetch(address, {
        method: 'POST',
        redirect: 'manual',
        signal: AbortSignal.timeout(limits.requestMs),
        headers: {
          ...headers,
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
          ...(session === null ? {} : { 'mcp-session-id': session }),
          ...extra,
        },
        body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      })
    } catch {
      throw new Unanswered('it could not be reached')
    }
  }

  return {
    async request(method, params) {
      const mine = ++id
      const response = await post({ id: mine, method, params }, revisionHeaders(method, params, revision))
      session = response.headers.get('mcp-session-id') ?? session
      if (response.status >= 300 && response.status < 400) throw new Unanswered('it redirects elsewhere')
      const answer = await readFor(response, mine, limits)
      if (answer !== null && !(answer instanceof Refused)) {
        if (method === 'initialize') revision = revisionIn(answer.result)
        return answer.result
      }
      if (response.status === 401 || response.status === 403) throw new Unanswered(`it answered ${response.status}`)
      throw answer ?? new Refused(`it answered ${response.status} without a result`)
    },
    async notify(method) {
      const response = await post({ method }, revision === null ? {} : { 'mcp-protocol-version': revision })
      await response.body?.cancel()
    },
    async close() {
      if (session === null) return
      // Politeness only: a server that keeps the session ends it by itself.
      const response = await fetch(address, {
        method: 'DELETE',
        redirect: 'manual',
        signal: AbortSignal.timeout(limits.requestMs),
        headers: { ...headers, 'mcp-session-id': session },
      }).catch(() => null)
      await response?.body?.cancel()
    },
  }
}

/**
 * MCP 2026-07-28: method and revision are repeated in headers, and must agree with the body. Before, the revision that
 * was agreed on, from 2025-06-18 on.
 */
function revisionHeaders(
  method: string,
  params: Readonly<Record<string, unknown>>,
  agreed: string | null,
): Record<string, string> {
  const meta = params['_meta']
  if (typeof meta !== 'object' || meta === null)
    return method === 'initialize' || agreed === null ? {} : { 'mcp-protocol-version': agreed }
  const name = params['name']
  return {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(typeof name === 'string' ? { 'mcp-name': headerText(name) } : {}),
  }
}

function revisionIn(result: unknown): string | null {
  const said =
    typeof result === 'object' && result !== null && 'protocolVersion' in result ? result.protocolVersion : null
  return typeof said === 'string' && /^[\d-]{1,20}$/.test(said) ? said : null
}

/** The sentinel form for names that a header can't hold as they are. */
function headerText(name: string): string {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(name) && !name.startsWith('=?')
    ? name
    : `=?base64?${Buffer.from(name, 'utf8').toString('base64')}?=`
}

/** The answer in a JSON body, or the first in an event stream that is ours; the stream is left as soon as it came. */
async function readFor(
  response: Response,
  id: number,
  limits: CallLimits,
): Promise<{ result: unknown } | Refused | null> {
  const isStream = (response.headers.get('content-type') ?? '').startsWith('text/event-stream')
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength
      if (bytes > limits.answerBytesMax) throw new Unanswered(`it answered more than ${limits.answerBytesMax} bytes`)
      text += decoder.decode(chunk, { stream: true })
      if (!isStream) continue
      const events = text.split(/\r?\n\r?\n/)
      text = events.pop() ?? ''
      for (const event of events) {
        const answer = answerIn(dataOf(event), id)
        if (answer !== null) return answer
      }
    }
  } catch (error) {
    throw error instanceof Unanswered ? error : new Unanswered('its answer broke off')
  }
  return answerIn(isStream ? dataOf(text) : text, id)
}

function dataOf(event: string): string {
  return event
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5))
    .join('\n')
}

function answerIn(text: string, id: number): { result: unknown } | Refused | null {
  try {
    return readAnswer(JSON.parse(text), id)
  } catch {
    return null
  }
}

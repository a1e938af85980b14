type Message = Record<string, unknown>

export interface ModernRequest {
  readonly token: string
  readonly method: string
  readonly params?: Message
  readonly id?: string | number
  /** Added to `_meta`; null leaves `_meta` out altogether. */
  readonly meta?: Message | null
  readonly capabilities?: Message
  /** Over the headers that the body asks for; null takes one away. */
  readonly headers?: Readonly<Record<string, string | null>>
  readonly signal?: AbortSignal
}

export interface ModernAnswer {
  readonly status: number
  readonly headers: Headers
  /** Every message of the answer, in order; one for JSON. */
  readonly messages: Message[]
  /** The last of them. */
  readonly last: Message
  readonly text: string
}

/** Sends one modern request as a conforming client would, but for what the test changes. */
export function fetchModern(url: string, request: ModernRequest): Promise<Response> {
  const { token, method, params = {}, id = 1, meta = {}, capabilities = {}, headers = {} } = request
  const name = params['name'] ?? params['uri']
  const all: Record<string, string | null> = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    'mcp-name': typeof name === 'string' ? name : null,
    ...headers,
  }
  const sent = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null)
  const own = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  }
  return fetch(url, {
    method: 'POST',
    headers: sent,
    body: JSON.stringify({
      jsonrpc: '2.0',
      id,
      method,
      params: meta === null ? params : { ...params, _meta: { ...own, ...meta } },
    }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  })
}

export async function askModern(url: string, request: ModernRequest): Promise<ModernAnswer> {
  const response = await fetchModern(url, request)
  const text = await response.text()
  const isStream = response.headers.get('content-type') === 'text/event-stream'
  const messages = isStream
    ? [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? '') as Message)
    : [JSON.parse(text) as Message]
  return { status: response.status, headers: response.headers, messages, last: messages.at(-1) ?? {}, text }
}

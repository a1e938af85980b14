import { type Answer, request } from './request.ts'

interface McpCall {
  readonly token?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly authority?: string | null
}

/** One request of 2026-07-28, headers as the body has them unless told otherwise. */
export function callModern(
  url: string,
  method: string,
  { token, params = {}, headers = {}, authority = null }: McpCall = {},
): Promise<Answer> {
  const named = params['name'] ?? params['uri']
  return send(
    url,
    authority,
    {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof named === 'string' ? { 'mcp-name': named } : {}),
      ...headers,
    },
    {
      jsonrpc: '2.0',
      id: 1,
      method,
      params: {
        ...params,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    },
  )
}

/** One request of the wire with sessions. */
export function callLegacy(
  url: string,
  method: string,
  { token, params = {}, headers = {}, authority = null }: McpCall = {},
): Promise<Answer> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return send(url, authority, { ...authorization, ...headers }, { jsonrpc: '2.0', id: 1, method, params })
}

export async function initialize(url: string, token: string): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  const answer = await callLegacy(url, 'initialize', { token, params })
  return String(answer.headers['mcp-session-id'])
}

function send(
  url: string,
  authority: string | null,
  headers: Record<string, string | string[]>,
  body: unknown,
): Promise<Answer> {
  return request(url, {
    method: 'POST',
    authority,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify(body),
  })
}

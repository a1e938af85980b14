import { CALL_ARGUMENTS } from '../payload.ts'
import type { Target } from './connection.ts'
import type { McpSession } from './mcp-session.ts'

const MODERN_REVISION = '2026-07-28'

/** A POST as text. `body` is ASCII: its length is counted in characters. */
export function postText(target: Target, token: string | null, session: McpSession | null, body: string): string {
  const own = session === null ? '' : `MCP-Protocol-Version: ${session.revision}\r\n`
  const id = session?.id == null ? '' : `Mcp-Session-Id: ${session.id}\r\n`
  return post(target, token, own + id, body)
}

export function deleteText(target: Target, token: string | null, session: McpSession): string {
  return (
    `DELETE ${target.path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n${authorization(token)}` +
    `MCP-Protocol-Version: ${session.revision}\r\nMcp-Session-Id: ${session.id ?? ''}\r\n\r\n`
  )
}

/** The body of a tools/call but for its id, in two halves. */
export function callBody(tool: string): (id: number) => string {
  const params = JSON.stringify({ name: tool, arguments: CALL_ARGUMENTS })
  return (id) => `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`
}

/** The same in the revision without sessions: each request says who asks and which revision it speaks (2026-07-28, basic/index §_meta). */
export function modernCallBody(tool: string): (id: number) => string {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN_REVISION,
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
    // Without it no log message may come on the stream.
    'io.modelcontextprotocol/logLevel': 'info',
  }
  const params = JSON.stringify({ name: tool, arguments: CALL_ARGUMENTS, _meta })
  return (id) => `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`
}

/** Its headers repeat part of the body (2026-07-28, basic/transports §Standard Headers). */
export function modernPostText(target: Target, token: string | null, tool: string, body: string): string {
  const own = `MCP-Protocol-Version: ${MODERN_REVISION}\r\nMcp-Method: tools/call\r\nMcp-Name: ${tool}\r\n`
  return post(target, token, own, body)
}

function post(target: Target, token: string | null, headers: string, body: string): string {
  return (
    `POST ${target.path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n${authorization(token)}Content-Type: application/json\r\n` +
    `Accept: application/json, text/event-stream\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
  )
}

function authorization(token: string | null): string {
  return token === null ? '' : `Authorization: Bearer ${token}\r\n`
}

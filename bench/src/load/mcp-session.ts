import type { Connection, Target } from './connection.ts'

const REVISION = '2025-06-18'

export interface McpSession {
  readonly id: string | null
  readonly revision: string
}

/** A POST as text. `body` is ASCII: its length is counted in characters. */
export function postText(target: Target, token: string | null, session: McpSession | null, body: string): string {
  const authorization = token === null ? '' : `Authorization: Bearer ${token}\r\n`
  const own = session === null ? '' : `MCP-Protocol-Version: ${session.revision}\r\n`
  const id = session?.id == null ? '' : `Mcp-Session-Id: ${session.id}\r\n`
  return (
    `POST ${target.path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n${authorization}Content-Type: application/json\r\n` +
    `Accept: application/json, text/event-stream\r\n${own}${id}Content-Length: ${body.length}\r\n\r\n${body}`
  )
}

export function deleteText(target: Target, token: string | null, session: McpSession): string {
  const authorization = token === null ? '' : `Authorization: Bearer ${token}\r\n`
  return (
    `DELETE ${target.path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n${authorization}` +
    `MCP-Protocol-Version: ${session.revision}\r\nMcp-Session-Id: ${session.id ?? ''}\r\n\r\n`
  )
}

/** `initialize` and `notifications/initialized`. Throws when the candidate does not answer as it must. */
export async function openSession(connection: Connection, target: Target, token: string | null): Promise<McpSession> {
  const params = { protocolVersion: REVISION, capabilities: {}, clientInfo: { name: 'bench', version: '1' } }
  const answer = await connection.ask(
    postText(target, token, null, JSON.stringify({ jsonrpc: '2.0', id: 'open', method: 'initialize', params })),
  )
  const text = answer.body.toString()
  if (answer.status !== 200) throw new Error(`initialize was answered with ${answer.status}: ${text.slice(0, 300)}`)
  const revision = /"protocolVersion":\s*"([^"]+)"/.exec(text)?.[1]
  if (revision === undefined) throw new Error(`initialize was answered with ${text.slice(0, 300)}`)
  const session = { id: answer.headers.get('mcp-session-id') ?? null, revision }
  const told = await connection.ask(
    postText(target, token, session, JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })),
  )
  if (told.status !== 202) throw new Error(`notifications/initialized was answered with ${told.status}`)
  return session
}

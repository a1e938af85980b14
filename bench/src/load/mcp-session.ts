import type { Connection, Target } from './connection.ts'
import { postText } from './request-text.ts'

const REVISION = '2025-06-18'
const EXCERPT_CHARS = 200

export interface McpSession {
  readonly id: string | null
  readonly revision: string
}

/** `initialize` and `notifications/initialized`. Throws when the candidate does not answer as it must. */
export async function openSession(connection: Connection, target: Target, token: string | null): Promise<McpSession> {
  const params = { protocolVersion: REVISION, capabilities: {}, clientInfo: { name: 'bench', version: '1' } }
  const answer = await connection.ask(
    postText(target, token, null, JSON.stringify({ jsonrpc: '2.0', id: 'open', method: 'initialize', params })),
  )
  const text = answer.body.toString()
  if (answer.status !== 200) throw new Error(`initialize was answered with ${answer.status}: ${excerpt(text)}`)
  const revision = /"protocolVersion":\s*"([^"]+)"/.exec(text)?.[1]
  if (revision === undefined) throw new Error(`initialize was answered with ${excerpt(text)}`)
  const session = { id: answer.headers.get('mcp-session-id') ?? null, revision }
  const told = await connection.ask(
    postText(target, token, session, JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })),
  )
  if (told.status !== 202) throw new Error(`notifications/initialized was answered with ${told.status}`)
  return session
}

function excerpt(text: string): string {
  return text.slice(0, EXCERPT_CHARS).replace(/\s+/g, ' ')
}

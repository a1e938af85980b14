import { type Incoming, json, type Reply } from '../http.ts'
import type { Resource, Site } from '../site.ts'
import { newSecret } from '../state.ts'
import type { Caller } from './authenticate.ts'
import { dispatch, type Message, result } from './dispatch.ts'

const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26']
const SESSIONS_MAX = 1000

/** Streamable HTTP with `initialize` and sessions. A session is its user's alone and proves nothing by itself. */
export function answerLegacy(
  site: Site,
  resource: Resource,
  caller: Caller,
  incoming: Incoming,
  message: Message,
): Reply {
  if (message.method === 'initialize') return initialize(site, caller, message)
  const refused = refuseSession(site, caller, incoming)
  if (refused !== null) return refused
  if (message.id === null) return { status: 202 }
  return dispatch(site, { era: 'legacy', resource, caller, message, nameInHeader: null })
}

function initialize(site: Site, caller: Caller, message: Message): Reply {
  const wanted = String(message.params['protocolVersion'])
  const protocolVersion = VERSIONS.includes(wanted) ? wanted : '2025-11-25'
  const id = newSecret()
  if (site.state.sessions.size >= SESSIONS_MAX) site.state.sessions.clear()
  site.state.sessions.set(id, { subject: caller.subject, protocolVersion })
  const value = {
    protocolVersion,
    capabilities: { tools: {}, resources: {}, prompts: {}, tasks: { requests: { tools: { call: {} } } } },
    serverInfo: { name: 'reference', version: '1.0.0' },
  }
  return result({ era: 'legacy', message }, value, { 'mcp-session-id': id })
}

export function refuseSession(site: Site, caller: Caller, { headers, method }: Incoming): Reply | null {
  const isShared =
    site.flawed('session-of-any-user') || (site.flawed('session-ended-by-anybody') && method === 'DELETE')
  const id = headers['mcp-session-id']
  if (typeof id !== 'string') return json(400, { error: 'Mcp-Session-Id is missing' })
  const session = site.state.sessions.get(id)
  // Another user's session and none at all look the same.
  if (session === undefined || (session.subject !== caller.subject && !isShared))
    return json(404, { error: 'no such session' })
  const version = headers['mcp-protocol-version']
  return version !== undefined && !VERSIONS.includes(String(version))
    ? json(400, { error: 'MCP-Protocol-Version' })
    : null
}

export function endSession(site: Site, caller: Caller, incoming: Incoming): Reply {
  const refused = refuseSession(site, caller, incoming)
  if (refused !== null) return refused
  site.state.sessions.delete(String(incoming.headers['mcp-session-id']))
  return { status: 204 }
}

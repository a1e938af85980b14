import { BodyTooLarge, type Incoming, json, type Part, type Reply } from '../http.ts'
import type { Resource, Site } from '../site.ts'
import { authenticate, type Caller } from './authenticate.ts'
import { challenge } from './challenge.ts'
import { failure, type Message } from './dispatch.ts'
import { answerLegacy, endSession } from './legacy.ts'
import { BadTokenLimit } from './limit-bad-tokens.ts'
import { answerModern, saysModern } from './modern.ts'
import { lookPast } from './open-doors.ts'
import { askUpstream } from './upstream.ts'

/** One MCP endpoint. Whoever asks is known before the body is read. */
export function endpointPart(site: Site, resource: Resource): Part {
  const limit = new BadTokenLimit(() => site.nowMs())
  return async (incoming) => {
    if (incoming.path !== resource.path && !lookPast.path(site, resource, incoming)) return null
    const foreign = refuseOrigin(site, incoming)
    if (foreign !== null) return foreign
    const opened = await lookPast.authentication(site, incoming)
    if (opened !== null) return answer(site, resource, opened, incoming)
    if (incoming.method === 'DELETE' && site.flawed('open-delete')) return { status: 204, headers: {} }
    const caller = await authenticate(site, resource, incoming)
    if (typeof caller !== 'string') return answer(site, resource, caller, incoming)
    const bySession = lookPast.session(site, incoming)
    if (bySession !== null) return answer(site, resource, bySession, incoming)
    const byForm = await lookPast.form(site, resource, incoming)
    if (byForm !== null) return byForm
    if (caller === 'noToken') return challenge(site, resource, null)
    if (limit.isReached() && !site.flawed('bad-tokens-without-limit'))
      return json(429, { error: 'too many bad tokens' }, { 'retry-after': '1' })
    limit.count()
    const refused = challenge(site, resource, 'invalid_token')
    if (!site.flawed('bad-token-echoed')) return refused
    return { ...refused, body: JSON.stringify({ error: `not valid: ${incoming.headers.authorization ?? ''}` }) }
  }
}

/** A browser page of somebody else has nothing to say here (DNS rebinding included). */
function refuseOrigin(site: Site, { headers }: Incoming): Reply | null {
  const { origin } = headers
  if (origin === undefined || origin === site.origin || site.flawed('any-origin')) return null
  return json(403, { error: 'this origin may not call' })
}

async function answer(site: Site, resource: Resource, caller: Caller, incoming: Incoming): Promise<Reply> {
  const isLegacy = site.eras.includes('legacy')
  if (incoming.headers['x-http-method-override'] !== undefined && site.flawed('open-to-method-override'))
    return json(200, { jsonrpc: '2.0', id: 1, result: { tools: [] } })
  if (incoming.method === 'DELETE' && isLegacy) return endSession(site, caller, incoming)
  if (incoming.method !== 'POST')
    return json(405, { error: 'only POST' }, { allow: isLegacy ? 'POST, DELETE' : 'POST' })
  if (!/^application\/json\s*(?:;|$)/i.test(incoming.headers['content-type'] ?? ''))
    return json(415, { error: 'application/json is expected' })
  try {
    const text = await incoming.readBody()
    if (text.startsWith('[') && site.flawed('open-batch'))
      return json(200, [{ jsonrpc: '2.0', id: 1, result: { tools: [] } }])
    const message = parseMessage(text)
    if (message === null) return failure({ message: NOBODY }, 400, -32600, 'Invalid request')
    if (message.method === 'tools/list') await askUpstream(site, incoming)
    if (saysModern(message, incoming) && site.eras.includes('modern'))
      return telling(site, incoming, answerModern(site, resource, caller, incoming, message))
    if (isLegacy) return telling(site, incoming, answerLegacy(site, resource, caller, incoming, message))
    return failure({ message }, 400, -32022, 'Unsupported protocol version', { supported: ['2026-07-28'] })
  } catch (error) {
    if (error instanceof BodyTooLarge) return json(413, { error: 'the body is too large' }, { connection: 'close' })
    if (error instanceof SyntaxError) return failure({ message: NOBODY }, 400, -32700, leak(site, incoming, error))
    throw error
  }
}

/** A tool for finding out why something does not work. */
function telling(site: Site, { headers }: Incoming, reply: Reply): Reply {
  if (!site.flawed('tool-tells-token')) return reply
  return { ...reply, body: (reply.body ?? '').replace('"done"', JSON.stringify(headers.authorization ?? '')) }
}

const NOBODY: Message = { id: null, method: '', params: {} }

function leak(site: Site, { headers }: Incoming, error: SyntaxError): string {
  if (site.flawed('stack-in-errors')) return String(error.stack)
  if (site.flawed('token-in-errors')) return `cannot parse what ${headers.authorization ?? ''} sent`
  if (site.flawed('upstream-in-errors')) return 'cannot parse: connect ECONNREFUSED 10.3.2.1:8080'
  return site.flawed('path-in-errors') ? 'cannot parse: /srv/notes/app/dist/server.js line 214' : 'Parse error'
}

/** One request or notification of JSON-RPC; a list is none. */
function parseMessage(text: string): Message | null {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const { jsonrpc, id = null, method, params = {} } = value as Record<string, unknown>
  const isWell = jsonrpc === '2.0' && typeof method === 'string' && typeof params === 'object' && params !== null
  if (!isWell || !(id === null || typeof id === 'string' || typeof id === 'number')) return null
  return { id, method, params: params as Record<string, unknown> }
}

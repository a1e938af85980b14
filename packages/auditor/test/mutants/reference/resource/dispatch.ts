import { json, type Reply } from '../http.ts'
import type { Era, Resource, Site } from '../site.ts'
import { newSecret } from '../state.ts'
import type { Caller } from './authenticate.ts'
import { stepUp } from './challenge.ts'
import { argumentsFit, TOOLS, visibleTools } from './tools.ts'

export interface Message {
  readonly id: string | number | null
  readonly method: string
  readonly params: Record<string, unknown>
}

export interface Call {
  readonly era: Era
  readonly resource: Resource
  readonly caller: Caller
  readonly message: Message
  /** What `Mcp-Name` said, for the server that believes it. */
  readonly nameInHeader: string | null
}

/** Answers one request of a caller who is known. */
export function dispatch(site: Site, call: Call): Reply {
  const { era, message, caller } = call
  const { method } = message
  const list = { ttlMs: 0, cacheScope: 'private' }
  if (method === 'tools/list')
    return result(call, { tools: visibleTools(site, caller.scopes).map(({ definition }) => definition), ...list })
  if (method === 'tools/call') return callTool(site, call)
  if (method === 'resources/list')
    return result(call, { resources: [{ uri: `notes://${caller.subject}/1`, name: 'note 1' }], ...list })
  if (method === 'resources/read') return readResource(site, call)
  if (method === 'tasks/get') return getTask(site, call)
  if (method === 'prompts/list') return result(call, { prompts: [], ...list })
  if (method === 'completion/complete') return result(call, { completion: { values: [], hasMore: false } })
  if (method === 'subscriptions/listen' && era === 'modern') return listen(call)
  if (method === 'server/discover' && era === 'modern')
    return result(call, {
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {}, resources: {}, prompts: {}, extensions: { [TASKS]: {} } },
      ...list,
    })
  if (method === 'ping' && era === 'legacy') return result(call, {})
  return failure(call, era === 'modern' ? 404 : 200, -32601, 'Method not found')
}

/** Nothing here ever changes: the stream acknowledges, and ends. */
function listen({ message }: Call): Reply {
  const meta = { 'io.modelcontextprotocol/subscriptionId': message.id }
  const acknowledged = {
    jsonrpc: '2.0',
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: {}, _meta: meta },
  }
  const ended = { jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', _meta: meta } }
  const body = [acknowledged, ended].map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')
  return { status: 200, headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }, body }
}

function callTool(site: Site, call: Call): Reply {
  const { message, caller, resource, era } = call
  const name = message.params['name']
  const tool = TOOLS.find((one) => one.name === name)
  if (tool === undefined) {
    return failure(call, era === 'modern' ? 400 : 200, -32602, 'Unknown tool')
  }
  const judged = site.flawed('believes-name-in-header')
    ? (TOOLS.find((one) => one.name === call.nameInHeader) ?? tool)
    : tool
  const fits = argumentsFit(tool, message.params['arguments'] ?? {})
  const invalid = () => failure(call, era === 'modern' ? 400 : 200, -32602, 'Invalid arguments')
  if (!fits && site.flawed('arguments-before-scope')) return invalid()
  // Before the arguments are looked at: who may not call learns nothing of them.
  const isForgotten = site.flawed('scope-of-deletion-forgotten') && tool.name === 'delete_note'
  const isJudged = !(fits && site.flawed('scopes-ignored-when-it-fits')) && !isForgotten
  if (isJudged && !caller.scopes.includes(judged.scope) && !ignoresScope(site, call, judged.scope))
    return stepUp(site, resource, judged.scope)
  if (!fits) return invalid()
  return beginTask(site, call) ?? askBack(site, call) ?? done(call, 'done')
}

function done(call: Call, text: string): Reply {
  return result(call, { content: [{ type: 'text', text }], isError: false })
}

const TASKS = 'io.modelcontextprotocol/tasks'

/** For clients that say that they can wait. */
function beginTask(site: Site, call: Call): Reply | null {
  const { message, caller, era } = call
  const meta = message.params['_meta'] as Record<string, { extensions?: Record<string, unknown> }> | undefined
  const isWanted =
    era === 'legacy'
      ? message.params['task'] !== undefined
      : meta?.['io.modelcontextprotocol/clientCapabilities']?.extensions?.[TASKS] !== undefined
  if (!isWanted || message.params['name'] !== 'read_note') return null
  const taskId = newSecret()
  site.state.tasks.set(taskId, { subject: caller.subject, text: `the note of ${caller.subject}` })
  return result(call, era === 'legacy' ? { task: { taskId, status: 'working' } } : { resultType: 'task', taskId })
}

function getTask(site: Site, call: Call): Reply {
  const { message, caller, era } = call
  const task = site.state.tasks.get(String(message.params['taskId']))
  if (task === undefined || (task.subject !== caller.subject && !site.flawed('task-of-anybody')))
    return failure(call, era === 'modern' ? 400 : 200, -32602, 'Task not found')
  return result(call, { taskId: message.params['taskId'], status: 'completed', content: task.text })
}

/** One note is written only after a question. */
function askBack(site: Site, call: Call): Reply | null {
  const { message, caller, era } = call
  const given = message.params['arguments'] as { text?: unknown } | undefined
  if (era !== 'modern' || given?.text !== 'ask first') return null
  const state = message.params['requestState']
  if (typeof state === 'string') {
    const subject = site.state.rounds.get(state)
    const isTheirs = subject === caller.subject || (subject !== undefined && site.flawed('round-of-anybody'))
    return isTheirs ? done(call, 'done') : failure(call, 400, -32602, 'Unknown state')
  }
  const requestState = newSecret()
  site.state.rounds.set(requestState, caller.subject)
  const params = { mode: 'form', message: 'Really?', requestedSchema: { type: 'object', properties: {} } }
  const inputRequests = { sure: { method: 'elicitation/create', params } }
  return result(call, { resultType: 'input_required', inputRequests, requestState })
}

function ignoresScope(site: Site, { era, caller }: Call, scope: string): boolean {
  const stem = scope.split(':')[0] ?? ''
  return (
    site.flawed('scopes-ignored') ||
    site.flawed('lists-every-tool-and-runs-it') ||
    (site.flawed('scopes-ignored-when-modern') && era === 'modern') ||
    (site.flawed('scopes-ignored-when-legacy') && era === 'legacy') ||
    (site.flawed('scopes-by-their-start') && caller.scopes.some((one) => one.startsWith(stem)))
  )
}

function readResource(site: Site, call: Call): Reply {
  const uri = String(call.message.params['uri'])
  const owner = /^notes:\/\/([a-z]+)\/1$/.exec(uri)?.[1]
  const isTheirs = owner === call.caller.subject || (owner !== undefined && site.flawed('resources-of-everybody'))
  if (!isTheirs)
    return failure(
      call,
      call.era === 'modern' ? 400 : 200,
      call.era === 'modern' ? -32602 : -32002,
      'Resource not found',
    )
  const contents = [{ uri, mimeType: 'text/plain', text: `the note of ${owner ?? ''}` }]
  return result(call, { contents, ttlMs: 0, cacheScope: 'private' })
}

export function result(
  { era, message }: Pick<Call, 'era' | 'message'>,
  value: Record<string, unknown>,
  headers = {},
): Reply {
  const complete = era === 'modern' ? { resultType: 'complete', ...value } : value
  return json(200, { jsonrpc: '2.0', id: message.id, result: complete }, { 'cache-control': 'no-store', ...headers })
}

export function failure(
  { message }: Pick<Call, 'message'>,
  status: number,
  code: number,
  text: string,
  data?: unknown,
): Reply {
  const error = { code, message: text, ...(data === undefined ? {} : { data }) }
  return json(status, { jsonrpc: '2.0', id: message.id, error }, { 'cache-control': 'no-store' })
}

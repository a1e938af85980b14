import type { Flaw } from '../../mutants.ts'
import { type Incoming, json, type Part, type Reply } from '../http.ts'
import { type Resource, SCOPES, type Site } from '../site.ts'
import { verifyAccessToken } from '../verify-access-token.ts'
import type { Caller } from './authenticate.ts'
import { TOOLS } from './tools.ts'

const ANYBODY: Caller = { subject: 'anybody', scopes: SCOPES }

/** Methods that a careless server answers before it has asked who is calling. */
const OPEN_METHODS: ReadonlyArray<readonly [Flaw, string]> = [
  ['open-tools-list', 'tools/list'],
  ['open-tools-call', 'tools/call'],
  ['open-resources-list', 'resources/list'],
  ['open-prompts-list', 'prompts/list'],
  ['open-completion', 'completion/complete'],
  ['open-listen', 'subscriptions/listen'],
  ['open-discover', 'server/discover'],
  ['open-initialize', 'initialize'],
]

/** Ways around authentication, none of which a correct server has. */
export const lookPast = {
  /** Whether another path leads to the same endpoint. */
  path(site: Site, resource: Resource, { path }: Incoming): boolean {
    if (site.flawed('open-trailing-slash') && path === `${resource.path}/`) return true
    return (
      site.flawed('open-doubled-slash') && path.replaceAll(/\/{2,}/g, '/') === resource.path && path !== resource.path
    )
  },

  async authentication(site: Site, incoming: Incoming): Promise<Caller | null> {
    if (site.flawed('open-to-all')) return ANYBODY
    if (site.flawed('open-trailing-slash') && incoming.path.endsWith('/')) return ANYBODY
    if (site.flawed('open-doubled-slash') && incoming.path.includes('//')) return ANYBODY
    if (site.flawed('open-to-http-1-0') && incoming.httpVersion === '1.0') return ANYBODY
    if (site.flawed('open-to-empty-token') && /^Bearer\s*$/i.test(incoming.headers.authorization ?? '')) return ANYBODY
    if (site.flawed('open-to-method-override') && incoming.headers['x-http-method-override'] !== undefined)
      return ANYBODY
    if (site.flawed('open-batch') && incoming.method === 'POST')
      return (await peekText(incoming)).startsWith('[') ? ANYBODY : null
    const open = OPEN_METHODS.find(([flaw]) => site.flawed(flaw))
    if (open === undefined || incoming.headers.authorization !== undefined || incoming.method !== 'POST') return null
    return incoming.headers['mcp-method'] === open[1] || (await peek(incoming)) === open[1] ? ANYBODY : null
  },

  /** The session id in place of a token. */
  session(site: Site, { headers }: Incoming): Caller | null {
    if (!site.flawed('session-without-token') || headers.authorization !== undefined) return null
    const session = site.state.sessions.get(String(headers['mcp-session-id']))
    return session === undefined ? null : { subject: session.subject, scopes: SCOPES }
  },

  /** A token in the body of a form (RFC 6750 §2.2). */
  async form(site: Site, resource: Resource, incoming: Incoming): Promise<Reply | null> {
    if (!site.flawed('token-in-form') || !/x-www-form-urlencoded/.test(incoming.headers['content-type'] ?? ''))
      return null
    const token = new URLSearchParams(await incoming.readBody()).get('access_token')
    const claims = token === null ? null : await verifyAccessToken(site, token)
    if (claims?.aud !== resource.url) return null
    return json(200, { jsonrpc: '2.0', id: 1, result: { tools: TOOLS.map(({ definition }) => definition) } })
  },
}

/** Paths beside the endpoint that nobody should get anything from. */
export function doorsPart(site: Site): Part {
  return ({ path, method }) => {
    if (path === '/metrics' && site.flawed('open-metrics'))
      return {
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: '# TYPE mcp_calls counter\nmcp_calls{user="alice"} 12\n',
      }
    if (path === '/debug' && site.flawed('open-debug'))
      return json(200, { pid: 12, env: { NOTES_DATABASE: 'postgres://notes' } })
    if (path === '/docs' && site.flawed('open-docs'))
      return {
        status: 200,
        headers: { 'content-type': 'text/html' },
        body: '<html><title>Swagger UI</title><div id="swagger-ui"></div></html>',
      }
    if (path === '/admin' && site.flawed('open-admin')) return json(200, { users: ['alice', 'bob'] })
    if (path === '/sse' && method === 'GET' && site.flawed('open-sse'))
      return {
        status: 200,
        headers: { 'content-type': 'text/event-stream' },
        body: 'event: endpoint\ndata: /messages?sessionId=1\n\n',
      }
    return null
  }
}

async function peekText(incoming: Incoming): Promise<string> {
  const body = await incoming.readBody()
  Object.assign(incoming, { readBody: () => Promise.resolve(body) })
  return body
}

async function peek(incoming: Incoming): Promise<string> {
  try {
    const body = await peekText(incoming)
    return String((JSON.parse(body) as { method?: unknown }).method)
  } catch {
    return ''
  }
}

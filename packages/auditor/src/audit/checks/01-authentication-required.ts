import type { Audit } from '../audit.ts'
import { hasResult, headerOf, isSuccess, messagesOf } from '../exchange/answer.ts'
import type { Answer } from '../exchange/ask.ts'
import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import { type Check, fail, inconclusive, type Outcome, type Probe, pass, warn } from '../probe.ts'
import { type Era, INITIALIZE, mcpAsk, mcpBody, NO_SUCH_TOOL } from '../target/mcp-message.ts'

const clauses = [mcp('basic/authorization', 'Token Handling'), rfc(6750, '3')]

/** Everything that an MCP endpoint does is behind a token, whatever way it is asked. */
export const authenticationRequired: Check = {
  number: 1,
  slug: 'authentication-required',
  title: 'A token is needed for everything',
  rationale: 'One method, path or spelling that is answered without a token is the whole server without a token.',
  clauses,
  weight: 12,
  why: 'Whoever reaches the address can use what is behind it, and nobody knows who it was.',
  fixes: [
    any(
      'Put authentication before routing and before the body is parsed, so that no path, method or spelling goes around it.',
    ),
    fix(
      'TypeScript SDK',
      'app.all(path, requireBearerAuth({ verifier, expectedResource, resourceMetadataUrl })) before the transport.',
    ),
  ],
  references: references(clauses, 'MCP07', 'ASI03', 'NHI4', 'CWE-306', '2.1 tenet 6'),
  excuse: ({ options }) => (options.isPublic ? 'the server is meant to be used without a token' : null),
  probes: [
    method('discover', 'modern', 'server/discover', {}, 'low'),
    method('initialize', 'legacy', 'initialize', INITIALIZE, 'low'),
    ...(['modern', 'legacy'] as const).flatMap((era) =>
      methods().map(([name, asked, params]) => method(`${name}-${era}`, era, asked, params, 'critical')),
    ),
    {
      name: 'batch',
      promise: 'a list of JSON-RPC messages needs a token too',
      problem: 'A list of JSON-RPC messages is answered without a token',
      severity: 'critical',
      run: async (audit) => {
        const body = `[${mcpBody('legacy', 'tools/list', {})},${mcpBody('legacy', 'resources/list', {})}]`
        return judge(await audit.ask({ ...mcpAsk(audit.target.url, 'legacy', { method: 'tools/list' }), body }))
      },
    },
    spelling('trailing-slash', 'a slash at the end of the path', (path) => `${path.replace(/\/$/, '')}/`),
    spelling('doubled-slash', 'a doubled slash in the path', (path) => `/${path}`),
    {
      name: 'http-1-0',
      promise: 'HTTP/1.0 needs a token too',
      problem: 'A request of HTTP/1.0 is answered without a token',
      severity: 'critical',
      run: async (audit) => {
        for (const era of ['modern', 'legacy'] as const) {
          const ask = mcpAsk(audit.target.url, era, { method: 'tools/list' })
          const outcome = judge(await audit.ask({ ...ask, httpVersion: '1.0' }))
          if (outcome.verdict === 'fail') return outcome
        }
        return pass('refused')
      },
    },
    header('empty-token', 'an empty token', [['authorization', 'Bearer ']]),
    header('method-override', 'a method override', [['x-http-method-override', 'POST']], 'GET'),
    header('forwarded-address', 'a header that tells another address', [['x-forwarded-for', '127.0.0.1']]),
    stream('get', 'GET on the endpoint', (url) => url),
    {
      name: 'delete',
      promise: 'nobody ends sessions without a token',
      problem: 'DELETE on the endpoint is answered without a token',
      severity: 'medium',
      run: async (audit) => {
        const headers = [['mcp-session-id', NO_SUCH_TOOL]] as const
        const answer = await audit.ask({ method: 'DELETE', url: audit.target.url, headers })
        return isSuccess(answer) ? fail(`answered with ${answer.status}`) : refused(answer)
      },
    },
    stream('sse', 'the older event stream', (url) => new URL('/sse', url).href),
    beside('metrics', '/metrics', 'medium', ({ text }) => /^# (?:HELP|TYPE) /m.test(text)),
    beside('debug', '/debug', 'high', (answer) => isData(answer)),
    beside('docs', '/docs', 'medium', ({ text }) => /swagger|redoc|openapi/i.test(text)),
    beside('admin', '/admin', 'high', (answer) => isData(answer)),
  ],
}

function methods(): ReadonlyArray<readonly [string, string, Record<string, unknown>]> {
  return [
    ['tools-list', 'tools/list', {}],
    ['tools-call', 'tools/call', { name: NO_SUCH_TOOL, arguments: {} }],
    ['resources-list', 'resources/list', {}],
    ['prompts-list', 'prompts/list', {}],
    [
      'completion',
      'completion/complete',
      { ref: { type: 'ref/prompt', name: NO_SUCH_TOOL }, argument: { name: 'a', value: 'a' } },
    ],
    ['listen', 'subscriptions/listen', { notifications: { toolsListChanged: true } }],
  ]
}

function method(
  name: string,
  era: Era,
  asked: string,
  params: Record<string, unknown>,
  severity: 'critical' | 'low',
): Probe {
  return {
    name,
    promise: `${asked} needs a token`,
    problem: `${asked} is answered without a token`,
    severity,
    run: async (audit) => {
      const answer = await audit.call(era, { method: asked, params })
      if (severity === 'critical') return judge(answer)
      // Some servers introduce themselves to everybody: what they do stays closed.
      return hasResult(answer) ? warn('the server introduces itself without a token') : judge(answer)
    },
  }
}

function spelling(name: string, what: string, change: (path: string) => string): Probe {
  return {
    name,
    promise: `${what} leads to no other rule`,
    problem: `With ${what} the endpoint is answered without a token`,
    severity: 'critical',
    run: async (audit) => {
      const target = change(new URL(audit.target.url).pathname)
      return worst(audit, (era) => audit.call(era, { method: 'tools/list', target }))
    },
  }
}

function header(name: string, what: string, headers: ReadonlyArray<readonly [string, string]>, verb = 'POST'): Probe {
  return {
    name,
    promise: `${what} counts for nothing`,
    problem: `With ${what} the endpoint is answered without a token`,
    severity: 'critical',
    run: (audit) =>
      worst(audit, (era) => {
        const ask = mcpAsk(audit.target.url, era, { method: 'tools/list' })
        return audit.ask({ ...ask, method: verb, headers: [...ask.headers, ...headers] })
      }),
  }
}

function stream(name: string, what: string, address: (url: string) => string): Probe {
  return {
    name,
    promise: `${what} opens no event stream without a token`,
    problem: `With ${what} an event stream opens without a token`,
    severity: 'critical',
    run: async (audit) => {
      const answer = await audit.ask({
        method: 'GET',
        url: address(audit.target.url),
        headers: [['accept', 'text/event-stream']],
      })
      const isStream = headerOf(answer, 'content-type')?.startsWith('text/event-stream') === true
      return isSuccess(answer) && isStream ? fail('an event stream opened') : refused(answer)
    },
  }
}

function beside(name: string, path: string, severity: 'medium' | 'high', tells: (answer: Answer) => boolean): Probe {
  return {
    name,
    promise: `${path} tells strangers nothing`,
    problem: `${path} is open to everybody`,
    severity,
    run: async (audit) => {
      const answer = await audit.ask({ method: 'GET', url: new URL(path, audit.target.url).href, headers: [] })
      if (answer.status === 404 || answer.status === 405) return pass(`${answer.status}`)
      return isSuccess(answer) && tells(answer) ? fail('it answers with data') : refused(answer)
    },
  }
}

/** JSON with something in it: a page of a web application that answers everything with itself tells nothing. */
function isData(answer: Answer): boolean {
  return (
    headerOf(answer, 'content-type')?.includes('json') === true &&
    /"[^"]+"\s*:/.test(answer.text) &&
    !/"error"/.test(answer.text)
  )
}

async function worst(audit: Audit, asked: (era: Era) => Promise<Answer>): Promise<Outcome> {
  let outcome = pass('refused')
  for (const era of audit.eras) {
    outcome = judge(await asked(era))
    if (outcome.verdict !== 'pass') return outcome
  }
  return outcome
}

/** A result is the failure; anything else counts as refused. A failed read of the answer decides nothing. */
function judge(answer: Answer): Outcome {
  if (hasResult(answer)) return fail(`answered ${answer.status} with a result`)
  if (isSuccess(answer) && messagesOf(answer).some(({ method }) => method !== undefined)) return fail('messages came')
  // A method that is told to be unknown, or arguments that are told to be wrong, were looked at before anybody was asked who is calling.
  const looked = messagesOf(answer).some(({ error }) =>
    /unknown tool|invalid arguments/i.test(JSON.stringify(error ?? '')),
  )
  return looked && answer.status !== 401
    ? fail('the request was looked at before a token was asked for')
    : refused(answer)
}

/** How servers say no without a status: HTTP/1.0, or a path that is no path, closes the connection. */
const HUNG_UP = new Set(['connection reset', 'not HTTP'])

/** A server that is down, or that has had enough, has not said that it wants a token. */
function refused({ failure, status }: Answer): Outcome {
  if (failure !== null) return HUNG_UP.has(failure) ? pass(failure) : inconclusive(failure)
  return status === 429 || status >= 500 ? inconclusive(`${status}`) : pass(`refused with ${status}`)
}

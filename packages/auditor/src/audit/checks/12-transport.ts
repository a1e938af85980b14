import { isIP } from 'node:net'
import { connect } from 'node:tls'
import type { Audit } from '../audit.ts'
import { isLoopback } from '../exchange/address-guard.ts'
import { hasResult, headerOf, isRefusal, isSuccess, messagesOf } from '../exchange/answer.ts'
import type { Answer } from '../exchange/ask.ts'
import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import {
  type Check,
  fail,
  inconclusive,
  notApplicable,
  notTested,
  type Outcome,
  type Probe,
  pass,
  warn,
} from '../probe.ts'
import { INITIALIZE, LEGACY_VERSION, mcpAsk, NO_SUCH_TOOL } from '../target/mcp-message.ts'
import { callTool, NO_SAFE_CALL } from './safe-calls.ts'
import { judgeSlowScope } from './slow-scope.ts'

const clauses = [
  rfc(6750, '5.3'),
  rfc(9700, '2.6'),
  rfc(6797, '7.1'),
  mcp('basic/transports/streamable-http', 'Security'),
]
const BAD_TOKENS = 50
/** A path, a stack frame, a query, an address of an inner machine. */
const LEAKS =
  /\n\s+at \S+ ?\(?(?:file:|node:|\/)|Traceback \(most recent|(?:\/(?:srv|home|usr|opt|var|app|workspace|Users)\/[\w./-]+\.(?:js|ts|mjs|py|go|rb|java|php))|SQLSTATE|syntax error at or near|\bat [\w.$]+\([\w]+\.java:\d+\)/

/** Where connections inside go to. */
const INNER =
  /\b(?:E(?:CONNREFUSED|HOSTUNREACH|NOTFOUND)\b[^"]{0,80}|(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b(?::\d+)?|[\w-]+(?:\.[\w-]+)*\.(?:svc\.cluster\.local|internal)\b(?::\d+)?)/g

/** The way there, and what the server lets slip. */
export const transport: Check = {
  number: 12,
  slug: 'transport',
  title: 'The transport protects tokens, and errors tell nothing',
  rationale:
    'Tokens leak in URLs, caches and plain connections; foreign pages reach servers on a desk; errors tell what is inside.',
  clauses,
  weight: 5,
  why: 'Tokens are seen on their way, a web page calls a server in somebody’s name, or an attacker learns what to try next.',
  fixes: [
    any(
      'TLS 1.2 or newer with HSTS, tokens in the header alone, Origin and Host compared with lists, `Cache-Control: no-store`, errors without details, 429 after many bad tokens.',
    ),
    fix(
      'nginx',
      'ssl_protocols TLSv1.2 TLSv1.3; add_header Strict-Transport-Security "max-age=31536000" always; limit_req',
    ),
    fix('TypeScript SDK', 'createMcpExpressApp() checks Host and Origin; set allowedHosts.'),
  ],
  references: references(
    clauses,
    'MCP01',
    'MCP07',
    'MCP10',
    'ASI03',
    'NHI2',
    'CWE-319',
    'CWE-598',
    'CWE-346',
    'CWE-209',
    'CWE-307',
  ),
  excuse: () => null,
  probes: [
    overTls('certificate', 'the certificate is valid', 'The certificate is not valid', 'high', async (audit) => {
      const { unauthenticated, resourceDocuments, authorizationServer } = audit.target
      const answers = [...unauthenticated, ...resourceDocuments, ...(authorizationServer?.documents ?? [])]
      const failure = answers.find(({ answer }) => answer.failure?.includes('certificate') === true)?.answer.failure
      return failure?.includes('certificate') ? fail(failure) : pass('valid')
    }),
    overTls(
      'tls-version',
      'nothing older than TLS 1.2 is spoken',
      'TLS 1.1 or older is spoken',
      'high',
      async (audit) => audit.observe('a handshake of TLS 1.1 or older', () => oldTls(audit)),
    ),
    overTls('hsts', 'browsers are told to come back over TLS alone', 'There is no HSTS', 'low', async ({ target }) => {
      const answer = target.unauthenticated.find((one) => one.answer.failure === null)?.answer
      if (answer === undefined) return inconclusive('no answer')
      if (headerOf(answer, 'strict-transport-security') !== null) return pass('there')
      const { hostname } = new URL(target.url)
      // RFC 6797 §8.1.1: it means nothing for an address; for a name of this machine it is a matter of taste.
      if (isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0) return notApplicable('the host is an address')
      return isLoopback(hostname) ? warn('no Strict-Transport-Security') : fail('no Strict-Transport-Security')
    }),
    overTls('plain-http', 'without TLS nothing is answered', 'The server answers without TLS too', 'high', plainHttp),
    withToken(
      'token-in-query',
      'a token in the URL is not taken',
      'A token in the URL is taken',
      'high',
      async (audit, token) => {
        for (const name of ['access_token', 'token'])
          for (const era of audit.eras) {
            const url = `${audit.target.url}${audit.target.url.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(token)}`
            const request = era === 'modern' ? { method: 'tools/list' } : { method: 'initialize', params: INITIALIZE }
            const isOpen = hasResult(await audit.ask(mcpAsk(audit.target.url, era, request)))
            if (!isOpen && hasResult(await audit.ask(mcpAsk(url, era, request)))) return fail(name)
          }
        return pass('refused')
      },
    ),
    withToken(
      'token-in-form',
      'a token in a form is not taken',
      'A token in a form is taken',
      'medium',
      async (audit, token) => {
        const headers: [string, string][] = [
          ['content-type', 'application/x-www-form-urlencoded'],
          ['accept', 'application/json, text/event-stream'],
        ]
        const answer = await audit.ask({
          method: 'POST',
          url: audit.target.url,
          headers,
          body: new URLSearchParams({ access_token: token }).toString(),
        })
        return isSuccess(answer) ? fail(`answered with ${answer.status}`) : pass(`${answer.status}`)
      },
    ),
    withToken(
      'session-alone',
      'a session id does not do for a token',
      'A session id does for a token',
      'critical',
      async (audit, token) => {
        const sessionId = audit.eras.includes('legacy') ? await audit.sessionOf(token) : null
        if (sessionId === null) return notApplicable('there are no sessions')
        const isOpen = hasResult(await audit.call('legacy', { method: 'tools/list' }))
        return !isOpen && hasResult(await audit.call('legacy', { method: 'tools/list', sessionId }))
          ? fail('answered with a result')
          : pass('refused')
      },
    ),
    {
      name: 'session-of-other-person',
      promise: 'a session is of its person alone',
      problem: 'Another person can use a session',
      severity: 'high',
      need: 'two logins',
      run: async (audit) => {
        if (!(await audit.tellsTokens())) return notApplicable('any token is taken')
        const [first, second] = [await audit.logins.full(0), await audit.logins.full(1)]
        const sessionId = audit.eras.includes('legacy') ? await audit.sessionOf(first.accessToken) : null
        if (sessionId === null) return notApplicable('there are no sessions')
        return hasResult(await audit.call('legacy', { method: 'tools/list', token: second.accessToken, sessionId }))
          ? fail('answered with a result')
          : pass('refused')
      },
    },
    {
      name: 'session-ended-by-other-person',
      promise: 'a session is ended by its person alone',
      problem: 'Another person can end a session',
      severity: 'medium',
      need: 'two logins',
      run: endSession,
    },
    withToken(
      'foreign-origin',
      'a page of somebody else is refused',
      'A page of somebody else can call the server',
      'medium',
      async (audit, token) => {
        for (const era of audit.eras) {
          const answer = await audit.call(era, {
            method: 'tools/list',
            token,
            headers: [['origin', 'https://page.sallyport-audit.example']],
          })
          if (hasResult(answer)) return fail('answered with a result')
        }
        return pass('refused')
      },
    ),
    {
      name: 'cors-credentials',
      promise: 'no page may call with credentials of the browser',
      problem: 'Any page may call with credentials of the browser',
      severity: 'medium',
      run: async (audit) => {
        const answer = await audit.call(audit.eras[0] ?? 'modern', {
          method: 'tools/list',
          headers: [['origin', 'https://page.sallyport-audit.example']],
        })
        const origin = headerOf(answer, 'access-control-allow-origin')
        const isOpen =
          (origin === '*' || origin === 'https://page.sallyport-audit.example') &&
          headerOf(answer, 'access-control-allow-credentials') === 'true'
        return isOpen ? fail(`${origin ?? ''} with credentials`) : pass('not allowed')
      },
    },
    withToken(
      'foreign-host',
      'a server on this machine answers to its own name alone',
      'A server on this machine answers to any name',
      'medium',
      async (audit, token) => {
        if (!isLoopback(new URL(audit.target.url).hostname)) return notApplicable('it is not on this machine')
        for (const era of audit.eras) {
          const answer = await audit.call(era, {
            method: 'tools/list',
            token,
            headers: [['host', 'rebound.sallyport-audit.example']],
          })
          if (hasResult(answer)) return fail('answered with a result')
        }
        return pass('refused')
      },
    ),
    {
      name: 'token-response-cached',
      promise: 'token responses are kept by no cache',
      problem: 'Token responses may be kept by caches',
      severity: 'medium',
      need: 'login',
      run: async (audit) => {
        if (audit.options.people.length === 0) return notApplicable('no token response was seen')
        // One of them at least: there may have been no other login.
        if (audit.logins.tokenResponses.size === 0) await audit.logins.shared()
        for (const [grant, answer] of audit.logins.tokenResponses)
          if (!/\bno-store\b/i.test(headerOf(answer, 'cache-control') ?? ''))
            return fail(`no Cache-Control: no-store at ${grant}`)
        return pass('no-store')
      },
    },
    {
      name: 'token-error-cached',
      promise: 'errors of the token endpoint are kept by no cache',
      problem: 'Errors of the token endpoint may be kept by caches',
      severity: 'low',
      run: async ({ logins }) => {
        if (logins.endpoint('token') === null) return notApplicable('there is no token endpoint')
        const client = { id: 'sallyport-audit', secret: null, redirectUri: '', registration: null }
        const answer = await logins.postToken({ grant_type: 'refresh_token', refresh_token: 'sallyport-audit' }, client)
        if (!isRefusal(answer)) return inconclusive(answer.failure ?? `${answer.status}`)
        // RFC 6749 §5.1 wants it where tokens are; for errors §5.2 has it in its example alone.
        return /\bno-store\b/i.test(headerOf(answer, 'cache-control') ?? '')
          ? pass('no-store')
          : warn('no Cache-Control: no-store')
      },
    },
    {
      name: 'token-echo',
      promise: 'a token that is refused is not repeated',
      problem: 'A token that is refused comes back',
      severity: 'low',
      run: async (audit) => {
        const token = `sallyport-audit-${audit.random(12).toString('hex')}`
        for (const era of audit.eras) {
          const request = era === 'modern' ? { method: 'tools/list' } : { method: 'initialize', params: INITIALIZE }
          const answer = await audit.call(era, { ...request, token, sessionId: null })
          if (answer.failure !== null) return inconclusive(answer.failure)
          if (repeats(answer, token)) return fail('the token comes back')
        }
        return pass('not repeated')
      },
    },
    withToken(
      'call-echo',
      'no tool tells the token of its caller',
      'A tool tells the token of its caller',
      'high',
      async (audit, token) => {
        const { safeCalls } = audit.options
        if (safeCalls.length === 0) return notTested(NO_SAFE_CALL)
        for (const call of safeCalls)
          for (const era of audit.eras)
            if (repeats(await callTool(audit, era, call, token), token)) return fail(`${call.name} tells it`)
        return pass('not in any result')
      },
    ),
    {
      name: 'slow-scope',
      promise: 'a strange scope takes no longer than another one',
      problem: 'A strange scope keeps the authorization server busy',
      severity: 'medium',
      need: 'write',
      run: judgeSlowScope,
    },
    withToken(
      'errors',
      'errors tell nothing of the inside',
      'Errors tell of the inside',
      'medium',
      async (audit, token) => {
        for (const answer of await provoke(audit, token)) {
          const text = answer.text.replaceAll('\\n', '\n')
          const leak = LEAKS.exec(text)?.[0] ?? innerHostIn(text, new URL(audit.target.url).hostname)
          if (leak != null) return fail(leak.trim().slice(0, 120))
          if (repeats(answer, token)) return fail('the token comes back')
          if (answer.failure === 'timeout') return inconclusive('one of them was not answered in time')
        }
        return pass('nothing')
      },
    ),
    {
      name: 'bad-tokens',
      promise: 'many bad tokens are slowed down',
      problem: 'Bad tokens can be tried without limit',
      severity: 'low',
      isLast: true,
      run: async (audit) => {
        if (!(await audit.tellsTokens())) return notApplicable('any token is taken')
        const era = audit.eras[0] ?? 'modern'
        for (let count = 0; count < BAD_TOKENS; count += 1) {
          const ask = mcpAsk(audit.target.url, era, { method: 'tools/list', token: `sallyport-audit-${count}` })
          const answer = await audit.askOnce(ask)
          if (answer.status === 429 || answer.failure !== null) return pass(`${answer.failure ?? 429} after ${count}`)
        }
        return warn(`${BAD_TOKENS} in a row were answered`)
      },
    },
  ],
}

function overTls(
  name: string,
  promise: string,
  problem: string,
  severity: Probe['severity'],
  judge: (audit: Audit) => Promise<Outcome>,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    run: async (audit) => {
      const { protocol, hostname } = new URL(audit.target.url)
      if (protocol === 'https:') return judge(audit)
      return isLoopback(hostname) ? notApplicable('it is on this machine') : fail('there is no TLS')
    },
  }
}

function withToken(
  name: string,
  promise: string,
  problem: string,
  severity: Probe['severity'],
  judge: (audit: Audit, token: string) => Promise<Outcome>,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    need: 'login',
    run: async (audit) =>
      audit.target.demandsToken
        ? judge(audit, (await audit.logins.full(0)).accessToken)
        : notApplicable('the server asks for no token'),
  }
}

/** The same address without TLS, asked without a token: who answers with more than where to go takes what should be secret. */
async function plainHttp(audit: Audit): Promise<Outcome> {
  const url = audit.target.url.replace(/^https:/i, 'http:')
  let isAsking = false
  for (const era of audit.eras) {
    const request = era === 'modern' ? { method: 'tools/list' } : { method: 'initialize', params: INITIALIZE }
    const answer = await audit.ask(mcpAsk(url, era, request))
    if (answer.failure !== null) return pass(answer.failure)
    if (isSuccess(answer)) {
      if (messagesOf(answer).length > 0) return fail(`answered with ${answer.status}`)
      return warn(`something that is no MCP server answers with ${answer.status}`)
    }
    isAsking ||= answer.status === 401
  }
  return isAsking ? warn('a token is asked for without TLS') : pass('no data')
}

async function endSession(audit: Audit): Promise<Outcome> {
  if (!(await audit.tellsTokens())) return notApplicable('any token is taken')
  if (!audit.eras.includes('legacy')) return notApplicable('there are no sessions')
  const [first, second] = [await audit.logins.full(0), await audit.logins.full(1)]
  const opened = await audit.call('legacy', {
    method: 'initialize',
    params: INITIALIZE,
    token: first.accessToken,
    sessionId: null,
  })
  const sessionId = headerOf(opened, 'mcp-session-id')
  if (sessionId === null) return notApplicable('there are no sessions')
  const isOpen = async () =>
    hasResult(await audit.call('legacy', { method: 'tools/list', token: first.accessToken, sessionId }))
  const end = (token: string) =>
    audit.ask({
      method: 'DELETE',
      url: audit.target.url,
      headers: [
        ['authorization', `Bearer ${token}`],
        ['mcp-session-id', sessionId],
        ['mcp-protocol-version', LEGACY_VERSION],
      ],
    })
  await audit.call('legacy', { method: 'notifications/initialized', token: first.accessToken, sessionId })
  if (!(await isOpen())) return inconclusive('the session does not work')
  await end(second.accessToken)
  const lives = await isOpen()
  await end(first.accessToken)
  return lives ? pass('it goes on') : fail('it is ended')
}

/** In what is read of it or in a header. */
function repeats({ text, headers }: Answer, token: string): boolean {
  return text.includes(token) || headers.some(([, value]) => value.includes(token))
}

/** An address that is of use inside alone, and not the one that was asked. */
function innerHostIn(text: string, own: string): string | null {
  return [...text.matchAll(INNER)].map(([found]) => found).find((found) => found.split(':')[0] !== own) ?? null
}

/** Whether a connection of an old version is made, whatever the certificate. */
function oldTls(audit: Audit): Promise<Outcome> {
  const { hostname, port } = new URL(audit.target.url)
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port) || 443,
      servername: /^[\d.:[\]]+$/.test(hostname) ? '' : hostname,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
      rejectUnauthorized: false,
      timeout: audit.options.timeoutMs,
    })
    const done = (outcome: Outcome) => {
      socket.destroy()
      resolve(outcome)
    }
    socket.once('secureConnect', () => done(fail(socket.getProtocol() ?? 'old TLS')))
    socket.once('error', () => done(pass('refused')))
    socket.once('timeout', () => done(inconclusive('no answer in time')))
  })
}

/** What makes careless servers talk: broken JSON, much of it, unknown methods and tools, strange types. */
async function provoke(audit: Audit, token: string): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const era of audit.eras) {
    const ask = mcpAsk(audit.target.url, era, {
      method: 'tools/list',
      token,
      sessionId: era === 'legacy' ? await audit.sessionOf(token) : null,
    })
    for (const body of [
      '{"jsonrpc":',
      '[1,2',
      `{"a":"${'a'.repeat(1_000_000)}"}`,
      '"text"',
      '{"jsonrpc":"2.0","id":{},"method":1}',
    ])
      answers.push(await audit.ask({ ...ask, body }))
    answers.push(await audit.call(era, { method: 'sallyport-audit/unknown', token }))
    answers.push(await audit.call(era, { method: 'tools/call', params: { name: NO_SUCH_TOOL, arguments: [] }, token }))
  }
  return answers
}

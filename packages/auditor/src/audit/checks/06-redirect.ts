import type { Audit } from '../audit.ts'
import { isLoopback } from '../exchange/address-guard.ts'
import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import { attempt } from '../login/attempt.ts'
import type { Client, Code, Tokens } from '../login/tokens.ts'
import { tokensOf } from '../login/tokens.ts'
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
import { judgeCodeAttempt } from './code-attempts.ts'

const clauses = [
  rfc(9700, '2.1'),
  rfc(6749, '4.1.2'),
  rfc(9207, '2'),
  rfc(8252, '7.3'),
  mcp('basic/authorization', 'Authorization Response Validation'),
]
/** A little more than the minute that there should be at most. */
const CODE_SECONDS_MAX = 65
const HTTPS_CALLBACK = 'https://client.sallyport-audit.example/callback'

/** Where answers go, what they carry, and what a code is good for. */
export const redirect: Check = {
  number: 6,
  slug: 'redirect',
  title: 'Authorization responses go to the client alone, and a code works once',
  rationale: 'The redirect carries the code: one address too many, and somebody else has it.',
  clauses,
  weight: 9,
  why: 'A code goes to an address of an attacker, or one that was seen on its way is used by somebody else.',
  fixes: [
    any(
      'Compare redirect URIs as strings; let only the port of a loopback address differ. Bind each code to client and redirect URI, and end its tokens when it comes twice.',
    ),
    fix('Keycloak', 'List each redirect URI in full, without a wildcard.'),
  ],
  references: references(clauses, 'MCP07', 'MCP01', 'ASI03', 'NHI4', 'CWE-601', 'CWE-384'),
  excuse: ({ target }) =>
    target.authorizationServer?.document.value == null ? 'no authorization server is known' : null,
  probes: [
    elsewhere('unregistered', 'https://elsewhere.sallyport-audit.example/callback', 'another address'),
    elsewhere('longer-path', `${HTTPS_CALLBACK}/more`, 'a longer path'),
    elsewhere('added-query', `${HTTPS_CALLBACK}?more=1`, 'an added query'),
    elsewhere('other-port', HTTPS_CALLBACK.replace('.example/', '.example:8443/'), 'another port'),
    elsewhere('other-case', HTTPS_CALLBACK.replace('callback', 'CallBack'), 'another case'),
    elsewhere('encoded', HTTPS_CALLBACK.replace('callback', '%63allback'), 'an encoded letter'),
    elsewhere('userinfo', HTTPS_CALLBACK.replace('https://', 'https://client@'), 'a user name'),
    elsewhere(
      'host-prefix',
      HTTPS_CALLBACK.replace('.example/', '.example.attacker.example/'),
      'a host that begins the same',
    ),
    elsewhere('subdomain', HTTPS_CALLBACK.replace('https://', 'https://sub.'), 'a host below it'),
    elsewhere('without-tls', HTTPS_CALLBACK.replace('https://', 'http://'), 'http in place of https'),
    elsewhere('fragment', `${HTTPS_CALLBACK}#more`, 'a fragment'),
    onLoopback(
      'loopback-path',
      'another path of a loopback address is not the client’s',
      'Another path of a loopback address is taken for the client’s',
      'high',
      (own) => Object.assign(new URL(own), { pathname: '/sallyport-audit-elsewhere' }).href,
    ),
    onLoopback(
      'loopback-host',
      'another name of the loopback address is not the client’s',
      'Another name of the loopback address is taken for the client’s',
      'medium',
      (own) =>
        own.replace(/127\.0\.0\.1|\[::1\]|localhost/, (host) => (host === 'localhost' ? '127.0.0.1' : 'localhost')),
    ),
    {
      name: 'loopback-port',
      promise: 'a program of this machine may use any port',
      problem: 'Programs of this machine are held to one port',
      severity: 'low',
      need: 'write',
      run: async (audit) => {
        const client = await audit.logins.client()
        if (!isLoopbackUrl(client.redirectUri)) return notApplicable('the client is not on this machine')
        const port = new URL(client.redirectUri).port === '49153' ? '49154' : '49153'
        const { url } = audit.logins.authorization(client, {
          redirect_uri: Object.assign(new URL(client.redirectUri), { port }).href,
        })
        const answer = await audit.ask({ method: 'GET', url, headers: [['accept', 'text/html']] })
        if (answer.status >= 500 || answer.status === 429 || answer.failure !== null)
          return inconclusive(answer.failure ?? `${answer.status}`)
        return answer.status >= 400 ? warn('another port is refused (RFC 8252 §7.3)') : pass('any port')
      },
    },
    {
      name: 'twice',
      promise: 'a second redirect_uri is refused',
      problem: 'Of two redirect URIs the wrong one is used',
      severity: 'critical',
      need: 'write',
      run: async (audit) => {
        const second = 'https://elsewhere.sallyport-audit.example/callback'
        const client = await httpsClient(audit)
        if (client === null) return notApplicable('no client with an https address can be registered')
        const done = await attempt(
          audit,
          { redirect_uri: client.redirectUri },
          client,
          `&redirect_uri=${encodeURIComponent(second)}`,
        )
        if (done.kind === 'redirected') return fail(`the answer went to ${done.to.origin}`)
        return done.kind === 'undecided' ? inconclusive(done.detail) : pass('refused')
      },
    },
    {
      name: 'errors-to-strangers',
      promise: 'errors do not go to an address that is not registered either',
      problem: 'Errors are sent to any address',
      severity: 'high',
      need: 'write',
      run: async (audit) => {
        const done = await attempt(audit, {
          response_type: 'sallyport-audit',
          redirect_uri: 'https://elsewhere.sallyport-audit.example/callback',
        })
        if (done.kind === 'redirected') return fail(`the error went to ${done.to.origin}`)
        return done.kind === 'undecided' ? inconclusive(done.detail) : pass('a page')
      },
    },
    onError(
      'iss-in-errors',
      'errors say who they are from',
      'Errors do not say who they are from',
      'low',
      (response, issuers) => judgeIssuer(response, issuers, warn),
    ),
    onError('state-in-errors', 'errors carry the state', 'Errors lose the state', 'medium', (response) =>
      response.searchParams.get('state') === 'Audit-State' ? pass('the same state') : fail('another state, or none'),
    ),
    onCode(
      'iss',
      'responses say who they are from',
      'Responses do not say who they are from',
      'medium',
      ({ response }, issuers) => judgeIssuer(response, issuers, warn),
    ),
    onCode('state', 'responses carry the state', 'Responses lose or change the state', 'high', ({ response, state }) =>
      (response.searchParams.get('state') ?? new URLSearchParams(response.hash.slice(1)).get('state')) === state
        ? pass('the same state')
        : fail('another state, or none'),
    ),
    onCode(
      'in-query',
      'the code is in the query, where the client reads it',
      'The code is in the fragment',
      'medium',
      ({ response }) => (response.hash.includes('code=') ? fail('in the fragment') : pass('in the query')),
    ),
    {
      name: 'code-of-other-client',
      promise: 'a code is of one client alone',
      problem: 'Another client can redeem a code',
      severity: 'critical',
      need: 'login',
      run: (audit) => judgeCodeAttempt(audit, 'of-other-client'),
    },
    {
      name: 'code-to-other-redirect',
      promise: 'a code is of one redirect URI alone',
      problem: 'A code is redeemed for another redirect URI',
      severity: 'medium',
      need: 'login',
      run: (audit) => judgeCodeAttempt(audit, 'to-other-redirect'),
    },
    {
      name: 'code-lifetime',
      promise: 'a code ends within a minute',
      problem: 'A code lives longer than a minute',
      severity: 'low',
      need: 'login',
      run: codeLifetime,
    },
    {
      name: 'code-twice',
      promise: 'a code works once',
      problem: 'A code works twice',
      severity: 'high',
      need: 'login',
      run: async (audit) => (await twiceOf(audit)).twice,
    },
    {
      name: 'code-twice-ends-tokens',
      promise: 'a code that comes twice ends its tokens',
      problem: 'Tokens of a code that came twice live on',
      severity: 'low',
      need: 'login',
      run: async (audit) => (await twiceOf(audit)).ends,
    },
  ],
}

type Severity = Probe['severity']

async function codeLifetime(audit: Audit): Promise<Outcome> {
  if (audit.options.people.length === 0) return notApplicable('no code to try with')
  if (audit.options.patienceSeconds < CODE_SECONDS_MAX) return notTested(`it takes ${CODE_SECONDS_MAX} s`)
  const { code } = await audit.logins.authorize(0)
  if (code === null) return inconclusive('no code was given')
  await audit.wait(CODE_SECONDS_MAX * 1000)
  return judgeRedeem(await audit.logins.redeem(code), code.client)
}

/** What came of a code that was redeemed twice: whether it was, and what it did to the tokens. */
interface Twice {
  readonly twice: Outcome
  readonly ends: Outcome
}

const twices = new WeakMap<Audit, Promise<Twice>>()

function twiceOf(audit: Audit): Promise<Twice> {
  const known =
    twices.get(audit) ??
    audit
      .noting(() => redeemTwice(audit))
      .then(({ value: { twice, ends }, numbers: exchanges }) => ({
        twice: { ...twice, exchanges },
        ends: { ...ends, exchanges },
      }))
  twices.set(audit, known)
  return known
}

async function redeemTwice(audit: Audit): Promise<Twice> {
  const both = (outcome: Outcome): Twice => ({ twice: outcome, ends: outcome })
  if (audit.options.people.length === 0) return both(notApplicable('no code to try with'))
  const { code } = await audit.logins.authorize(0)
  if (code === null) return both(inconclusive('no code was given'))
  const tokens = tokensOf(await audit.logins.redeem(code), code.client)
  if (tokens === null) return both(inconclusive('the code did not work at all'))
  const twice = judgeRedeem(await audit.logins.redeem(code), code.client)
  return { twice, ends: twice.verdict === 'fail' ? notApplicable('it works twice') : await afterTwice(audit, tokens) }
}

async function afterTwice(audit: Audit, tokens: Tokens): Promise<Outcome> {
  if (!(await audit.tellsTokens())) return notApplicable('any token is taken')
  if (!(await audit.opens(tokens.accessToken))) return pass('the access token is dead')
  if (tokens.refreshToken === null) return warn('the access token lives until it ends')
  const isRefreshed = tokensOf(await audit.logins.refresh(tokens), tokens.client) !== null
  return isRefreshed
    ? fail('access and refresh token live on')
    : warn('the refresh token is dead, the access token lives until it ends')
}

/** A client with an https address of which nothing but the redirect is ever looked at. */
const httpsClients = new WeakMap<Audit, Promise<Client | null>>()

function httpsClient(audit: Audit): Promise<Client | null> {
  const known =
    httpsClients.get(audit) ??
    audit.logins.register({ redirect_uris: [HTTPS_CALLBACK], application_type: 'web' }).then(({ client }) => client)
  httpsClients.set(audit, known)
  return known
}

function elsewhere(name: string, redirectUri: string, what: string): Probe {
  return {
    name,
    promise: `a redirect URI with ${what} is not the client's`,
    problem: `A redirect URI with ${what} is taken for the client's`,
    severity: name === 'other-case' || name === 'encoded' || name === 'fragment' ? 'high' : 'critical',
    need: 'write',
    run: async (audit) => {
      const client = await httpsClient(audit)
      if (client === null) return notApplicable('no client with an https address can be registered')
      const done = await attempt(audit, { redirect_uri: redirectUri }, client)
      if (done.kind === 'undecided') return inconclusive(done.detail)
      if (done.kind === 'refused' && done.response === null) return pass(done.detail)
      return fail(
        done.kind === 'redirected'
          ? `the answer went to ${done.to.origin}${done.to.pathname}`
          : 'the request was taken up',
      )
    },
  }
}

/** A client that is a program of this machine. */
function onLoopback(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  change: (redirectUri: string) => string,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    need: 'write',
    run: async (audit) => {
      const client = await audit.logins.client()
      if (!isLoopbackUrl(client.redirectUri)) return notApplicable('the client is not on this machine')
      const done = await attempt(audit, { redirect_uri: change(client.redirectUri) }, client)
      if (done.kind === 'undecided') return inconclusive(done.detail)
      if (done.kind === 'refused' && done.response === null) return pass(done.detail)
      return fail(done.kind === 'redirected' ? `the answer went to ${done.to.host}` : 'the request was taken up')
    },
  }
}

function isLoopbackUrl(url: string): boolean {
  return isLoopback(URL.parse(url)?.hostname ?? '')
}

function onError(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: (response: URL, issuers: readonly unknown[]) => Outcome,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    need: 'write',
    run: async (audit) => {
      const done = await attempt(audit, { response_type: 'sallyport-audit', state: 'Audit-State' })
      return done.kind === 'refused' && done.response !== null
        ? judge(done.response, issuersOf(audit))
        : notApplicable('errors are shown on a page')
    },
  }
}

/** Of a response, whatever became of its code. */
function onCode(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: (code: Code, issuers: readonly unknown[]) => Outcome,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    need: 'login',
    run: async (audit) => {
      if (audit.options.people.length === 0) return notApplicable('no code to try with')
      const code = await audit.logins.anyResponse()
      return code === null ? inconclusive('no code was given') : judge(code, issuersOf(audit))
    },
  }
}

function judgeRedeem(answer: Parameters<typeof tokensOf>[0], client: Client): Outcome {
  if (tokensOf(answer, client) !== null) return fail('tokens were given')
  return answer.status === 400 || answer.status === 401 ? pass(`${answer.status}`) : inconclusive(`${answer.status}`)
}

/** RFC 9207 §2.4: the issuer as it calls itself, character by character. Absent, it is advice that was not followed. */
function judgeIssuer(response: URL, issuers: readonly unknown[], absent: (detail: string) => Outcome): Outcome {
  const iss = response.searchParams.get('iss') ?? new URLSearchParams(response.hash.slice(1)).get('iss')
  if (iss === null) return absent('no iss')
  return issuers.includes(iss) ? pass(iss) : fail(`iss is ${iss}`)
}

function issuersOf({ target, logins }: Audit): readonly unknown[] {
  return [target.authorizationServer?.identifier, logins.metadata['issuer']]
}

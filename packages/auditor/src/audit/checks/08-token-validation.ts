import type { Audit } from '../audit.ts'
import { hasResult } from '../exchange/answer.ts'
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
import { type Era, INITIALIZE } from '../target/mcp-message.ts'
import { type Forged, forge } from './forged-tokens.ts'
import { readKeys } from './read-keys.ts'

const clauses = [rfc(8725, '3.1'), rfc(9068, '4'), rfc(6750, '2.1'), mcp('basic/authorization', 'Token Handling')]

/** Clocks differ by so much. */
const LEEWAY_SECONDS = 60

/** Tokens of others, changed ones, and what is no access token at all. */
export const tokenValidation: Check = {
  number: 8,
  slug: 'token-validation',
  title: 'Only tokens of the authorization server are taken',
  rationale: 'Everything rests on telling a token of the authorization server from anything else.',
  clauses,
  weight: 12,
  why: 'Anybody makes a token in any name.',
  fixes: [
    any(
      'Verify with one library, one list of algorithms, one issuer, one audience and the published keys; take nothing of it from the token.',
    ),
    fix(
      'jose',
      "jwtVerify(token, createRemoteJWKSet(jwksUri), { issuer, audience, algorithms: ['ES256'], typ: 'at+jwt', requiredClaims: ['exp', 'sub'] })",
    ),
    fix(
      'PyJWT',
      "jwt.decode(token, key, algorithms=['ES256'], audience=audience, issuer=issuer, options={'require': ['exp', 'sub']})",
    ),
  ],
  references: references(clauses, 'MCP07', 'MCP01', 'ASI03', 'NHI4', 'CWE-347', 'CWE-345', '2.1 tenet 6'),
  excuse: ({ target }) => (target.demandsToken ? null : 'the server asks for no token'),
  probes: [
    ...names().map(
      ([name, what]): Probe => ({
        name,
        promise: `a token with ${what} is refused`,
        problem: `A token with ${what} is accepted`,
        severity: 'critical',
        run: async (audit) => {
          const forged = (await forgeries(audit)).find((one) => one.name === name)
          if (forged === undefined || forged.tokens.length === 0) return notApplicable('there is no key to try it with')
          return tryTokens(audit, forged.tokens)
        },
      }),
    ),
    lines('basic-scheme', 'the Basic scheme', (token) => [
      `Basic ${Buffer.from(`user:${token}`).toString('base64')}`,
      `Basic ${token}`,
    ]),
    lines('other-scheme', 'another scheme', (token) => [`Token ${token}`, token, `JWT ${token}`]),
    lines('two-tokens', 'a second header', (token) => [
      [`Bearer ${token}`, 'Bearer sallyport-audit'],
      ['Bearer sallyport-audit', `Bearer ${token}`],
    ]),
    changed('changed-payload', 'a changed payload', (token) => {
      const [header = '', payload = '', signature = ''] = token.split('.')
      const claims = payloadOf(payload)
      if (claims === null) return []
      const other = Buffer.from(JSON.stringify({ ...claims, exp: Number(claims['exp'] ?? 0) + 1 })).toString(
        'base64url',
      )
      return [`${header}.${other}.${signature}`]
    }),
    changed('cut-signature', 'a signature that was cut off', (token) => {
      const [header = '', payload = '', signature] = token.split('.')
      return signature === undefined ? [] : [`${header}.${payload}.`, `${header}.${payload}`]
    }),
    changed('changed-signature', 'a changed signature', (token) => {
      const at = token.lastIndexOf('.')
      return at === -1
        ? [`${token}x`]
        : [`${token.slice(0, at + 1)}${token[at + 1] === 'A' ? 'B' : 'A'}${token.slice(at + 2)}`]
    }),
    {
      name: 'ended',
      promise: 'an access token ends when it says so',
      problem: 'An access token is accepted after its end',
      severity: 'high',
      need: 'login',
      isLast: true,
      run: afterTheEnd,
    },
    instead('id-token', 'an ID token', async (audit) => {
      const scopes = audit.logins.metadata['scopes_supported']
      if (!Array.isArray(scopes) || !scopes.includes('openid')) return null
      return (await audit.logins.login(0, { scope: ['openid', ...audit.logins.allScopes].join(' ') })).idToken
    }),
    instead('refresh-token', 'a refresh token', async (audit) => (await audit.logins.login(0)).refreshToken),
    instead(
      'authorization-code',
      'an authorization code',
      async (audit) => (await audit.logins.authorize(0)).code?.code ?? null,
    ),
  ],
}

function names(): ReadonlyArray<readonly [string, string]> {
  const keys = [{ kty: 'oct' }]
  return forge({ issuer: '', resource: '', scopes: [], keys, nowSeconds: 0 }).map(({ name, what }) => [name, what])
}

const made = new WeakMap<Audit, Promise<readonly Forged[]>>()

function forgeries(audit: Audit): Promise<readonly Forged[]> {
  const known =
    made.get(audit) ??
    readKeys(audit).then((keys) =>
      forge({
        issuer: audit.target.authorizationServer?.identifier ?? new URL(audit.target.url).origin,
        resource: audit.target.url,
        scopes: audit.logins.allScopes,
        keys: keys ?? [],
        nowSeconds: audit.nowSeconds(),
      }),
    )
  made.set(audit, known)
  return known
}

/** Each in each era: what one wire refuses the other may take. */
async function tryTokens(audit: Audit, tokens: readonly string[]): Promise<Outcome> {
  const seen = new Set<string>()
  for (const token of tokens)
    for (const era of audit.eras) {
      const outcome = judge(await askWith(audit, era, `Bearer ${token}`))
      if (outcome.verdict === 'fail') return outcome
      seen.add(outcome.verdict)
    }
  if (seen.has('inconclusive')) return inconclusive('429, or no answer')
  return seen.has('warn') ? warn('not answered with 401') : pass('refused')
}

/** Without a session of its own: `initialize` is where that wire takes a token first. */
async function askWith(audit: Audit, era: Era, ...lines: readonly string[]): Promise<Answer> {
  const request = era === 'modern' ? { method: 'tools/list' } : { method: 'initialize', params: INITIALIZE }
  const headers = lines.map((line): [string, string] => ['authorization', line])
  return audit.call(era, { ...request, headers, sessionId: null })
}

function judge(answer: Answer): Outcome {
  if (hasResult(answer)) return fail('answered with a result')
  if (answer.failure !== null || answer.status === 429) return inconclusive(answer.failure ?? '429')
  if (answer.status >= 500) return warn(`answered with ${answer.status}`)
  // 431 is how a server refuses a header that is too long for it.
  return answer.status === 401 || answer.status === 400 || answer.status === 403 || answer.status === 431
    ? pass(`${answer.status}`)
    : warn(`answered with ${answer.status}`)
}

function lines(name: string, what: string, spell: (token: string) => readonly (string | readonly string[])[]): Probe {
  return {
    name,
    promise: `a token with ${what} is not taken`,
    problem: `A token with ${what} is taken`,
    severity: 'medium',
    need: 'login',
    run: async (audit) => {
      const { accessToken } = await audit.logins.full(0)
      for (const spelled of spell(accessToken))
        for (const era of audit.eras) {
          const outcome = judge(await askWith(audit, era, ...[spelled].flat()))
          if (outcome.verdict !== 'pass' && outcome.verdict !== 'warn') return outcome
        }
      return pass('refused')
    },
  }
}

function changed(name: string, what: string, change: (token: string) => readonly string[]): Probe {
  return {
    name,
    promise: `a token with ${what} is refused`,
    problem: `A token with ${what} is accepted`,
    severity: 'critical',
    need: 'login',
    run: async (audit) => {
      const tokens = change((await audit.logins.full(0)).accessToken)
      return tokens.length === 0 ? notApplicable('the tokens are not JWTs') : tryTokens(audit, tokens)
    },
  }
}

async function afterTheEnd(audit: Audit): Promise<Outcome> {
  if (audit.options.people.length === 0) return notApplicable('a token that was given is not waited for')
  const { accessToken, expiresIn } = await audit.logins.login(0)
  if (expiresIn === null) return notApplicable('expires_in is not told')
  const seconds = expiresIn + LEEWAY_SECONDS
  if (seconds > audit.options.patienceSeconds) return notTested(`it takes ${seconds} s`)
  await audit.wait(seconds * 1000)
  return tryTokens(audit, [accessToken])
}

function instead(name: string, what: string, find: (audit: Audit) => Promise<string | null>): Probe {
  return {
    name,
    promise: `${what} is no access token`,
    problem: `${what[0]?.toUpperCase() ?? ''}${what.slice(1)} is taken for an access token`,
    severity: 'high',
    need: 'login',
    run: async (audit) => {
      const token = await find(audit)
      return token === null ? notApplicable('there is none') : tryTokens(audit, [token])
    },
  }
}

function payloadOf(part: string): Record<string, unknown> | null {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>
  } catch {
    return null
  }
}

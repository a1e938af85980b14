import type { Audit } from '../audit.ts'
import { hasResult } from '../exchange/answer.ts'
import type { Answer } from '../exchange/ask.ts'
import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import { tokensOf as asTokens } from '../login/tokens.ts'
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
import { slowerKind } from './answer-times.ts'
import { type Forged, type ForgeryInput, forge, newKey } from './forged-tokens.ts'
import { type KeyCanary, withKeyCanary } from './key-canary.ts'
import { readKeys } from './read-keys.ts'

const clauses = [rfc(8725, '3.1'), rfc(9068, '4'), rfc(6750, '2.1'), mcp('basic/authorization', 'Token Handling')]

/** Clocks differ by so much. */
const LEEWAY_SECONDS = 60
/** Every server takes headers of this length (what Node.js allows, less all others). */
const HEADER_CHARACTERS_MIN = 15_000

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
          if (FETCHED.has(name)) return withOwnKeys(audit, (forged) => tryTokens(audit, tokensOf(forged, name)))
          const tokens = tokensOf(await forgeries(audit), name)
          if (tokens.length === 0) return notApplicable('there is no key to try it with')
          return tryTokens(audit, tokens)
        },
      }),
    ),
    {
      name: 'key-address-fetched',
      promise: 'an address that a token names is not asked',
      problem: 'The server asks at addresses that a token names',
      severity: 'medium',
      run: async (audit) =>
        withOwnKeys(audit, async (forged, canary) => {
          if (canary.address === null)
            return notApplicable('it is not on this machine, where a listener could be asked')
          await tryTokens(audit, [...tokensOf(forged, 'key-address'), ...tokensOf(forged, 'foreign-issuer')])
          const hits = await canary.hits()
          // RFC 8725 §3.10: applications SHOULD protect against such requests.
          return hits === 0 ? pass('not asked') : warn(`asked ${hits} times`)
        }),
    },
    {
      name: 'forged-scheme',
      promise: 'a forged token is refused however the scheme is spelled',
      problem: 'With another spelling of the scheme a forged token is accepted',
      severity: 'critical',
      run: async (audit) => {
        const [token = ''] = tokensOf(await forgeries(audit), 'foreign-key')
        return tryLines(audit, [
          [`bearer ${token}`],
          [`BEARER ${token}`],
          [`Bearer  ${token}`],
          [`DPoP ${token}`],
          [`Basic ${Buffer.from(`sallyport-audit:${token}`).toString('base64')}`],
          [`Basic ${Buffer.from('sallyport-audit:').toString('base64')}`, `Bearer ${token}`],
        ])
      },
    },
    {
      name: 'timing',
      promise: 'refusals take the same time, whatever is wrong',
      problem: 'How long a refusal takes tells what was looked at',
      severity: 'low',
      run: async (audit) => {
        const forged = await forgeries(audit)
        const era = audit.eras[0] ?? 'modern'
        const kinds = TIMED.map((name) => ({
          name,
          ask: () => askWith(audit, era, `Bearer ${tokensOf(forged, name)[0] ?? ''}`),
        }))
        const slower = await slowerKind(kinds)
        return slower === null
          ? pass('no difference that lasts')
          : warn(`${slower.slow} takes ${slower.spreadMs} ms longer than ${slower.quick}`)
      },
    },
    {
      name: 'scheme-case',
      promise: 'the scheme may be spelled in either case',
      problem: 'The scheme is taken in one case alone',
      severity: 'info',
      need: 'login',
      run: async (audit) => {
        const { accessToken } = await audit.logins.full(0)
        for (const era of audit.eras) {
          if (!hasResult(await askWith(audit, era, `Bearer ${accessToken}`)))
            return inconclusive('it is refused anyway')
          // RFC 9110 §11.1: schemes are case-insensitive.
          if (!hasResult(await askWith(audit, era, `bearer ${accessToken}`))) return warn('bearer is refused')
        }
        return pass('taken')
      },
    },
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
      const tokens = await audit.logins.login(0, { scope: ['openid', ...audit.logins.allScopes].join(' ') })
      audit.logins.share(tokens)
      return tokens.idToken
    }),
    instead('refresh-token', 'a refresh token', async (audit) => (await audit.logins.shared()).refreshToken),
    {
      name: 'authorization-code',
      promise: 'an authorization code is no access token',
      problem: 'An authorization code is taken for an access token',
      severity: 'high',
      need: 'login',
      run: async (audit) => {
        if (audit.options.people.length === 0) return notApplicable('there is none')
        const { code } = await audit.logins.authorize(0)
        if (code === null) return notApplicable('there is none')
        const outcome = await tryTokens(audit, [code.code])
        const tokens = asTokens(await audit.logins.redeem(code), code.client)
        if (tokens !== null) audit.logins.share(tokens)
        return outcome
      },
    },
  ],
}

function names(): ReadonlyArray<readonly [string, string]> {
  const keys = [{ kty: 'oct' }]
  return forge({ issuer: '', resource: '', scopes: [], keys, nowSeconds: 0 }).map(({ name, what }) => [name, what])
}

/** Those whose key can be fetched, where the target can reach it. */
const FETCHED: ReadonlySet<string> = new Set(['key-address', 'foreign-issuer'])
/** Each is found out at another step. */
const TIMED = ['not-a-token', 'alg-none', 'foreign-key', 'unknown-kid'] as const

const made = new WeakMap<Audit, Promise<readonly Forged[]>>()

function forgeries(audit: Audit): Promise<readonly Forged[]> {
  const known = made.get(audit) ?? inputFor(audit).then(forge)
  made.set(audit, known)
  return known
}

/** Forged with a key that is published at the listener. */
async function withOwnKeys(
  audit: Audit,
  use: (forged: readonly Forged[], canary: KeyCanary) => Promise<Outcome>,
): Promise<Outcome> {
  const own = newKey()
  const input = await inputFor(audit)
  return withKeyCanary(audit, own.publicKey, (canary) => use(forge({ ...input, own, keysAt: canary.address }), canary))
}

async function inputFor(audit: Audit): Promise<ForgeryInput> {
  return {
    issuer: audit.target.authorizationServer?.identifier ?? new URL(audit.target.url).origin,
    resource: audit.target.url,
    scopes: audit.logins.allScopes,
    keys: (await readKeys(audit)) ?? [],
    nowSeconds: audit.nowSeconds(),
  }
}

function tokensOf(forged: readonly Forged[], name: string): readonly string[] {
  return forged.find((one) => one.name === name)?.tokens ?? []
}

/** Each in each era: what one wire refuses the other may take. */
function tryTokens(audit: Audit, tokens: readonly string[]): Promise<Outcome> {
  return tryLines(
    audit,
    tokens.map((token) => [`Bearer ${token}`]),
  )
}

/** The worst that comes of any of these lists of `Authorization` lines. */
async function tryLines(audit: Audit, lists: readonly (readonly string[])[]): Promise<Outcome> {
  const seen: Outcome[] = []
  for (const list of lists)
    for (const era of audit.eras) {
      const outcome = judge(await askWith(audit, era, ...list), list)
      if (outcome.verdict === 'fail') return outcome
      seen.push(outcome)
    }
  return (
    seen.find(({ verdict }) => verdict === 'inconclusive') ??
    seen.find(({ verdict }) => verdict === 'warn') ??
    pass('refused')
  )
}

/** Without a session of its own: `initialize` is where that wire takes a token first. */
async function askWith(audit: Audit, era: Era, ...lines: readonly string[]): Promise<Answer> {
  const request = era === 'modern' ? { method: 'tools/list' } : { method: 'initialize', params: INITIALIZE }
  const headers = lines.map((line): [string, string] => ['authorization', line])
  return audit.call(era, { ...request, headers, sessionId: null })
}

function judge(answer: Answer, list: readonly string[]): Outcome {
  if (hasResult(answer)) return fail('answered with a result')
  // Servers hang up on a header that is too long for them, before or after they have said so.
  if (answer.failure === 'connection reset' && list.some((line) => line.length > HEADER_CHARACTERS_MIN))
    return pass('hung up')
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
          const list = [spelled].flat()
          const outcome = judge(await askWith(audit, era, ...list), list)
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
  const { accessToken, expiresIn } = await audit.logins.shared()
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

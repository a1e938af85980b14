import { classifyTool } from '@sallyport/inspect'
import type { Audit } from '../audit.ts'
import { isSuccess, objectOf } from '../exchange/answer.ts'
import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import type { Client, Tokens } from '../login/tokens.ts'
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

const clauses = [rfc(9700, '4.14.2'), rfc(7009, '2'), rfc(7662, '4'), mcp('basic/authorization', 'Token Theft')]
const HOUR_SECONDS = 3600
const HALF_HOUR_SECONDS = 1800
const QUARTER_HOUR_SECONDS = 900
/** A client whose answer was lost may get the same one again, for this long at the most. */
const REPEAT_SECONDS_MAX = 60
const REPEAT_POLL_SECONDS = 5
/** How long a token that was ended may still be taken somewhere. */
const DEAD_MS_MAX = 5000
const POLL_MS = 250
/** Longer than this nobody waits to learn how slow a revocation is. */
const LATE_SECONDS_MAX = 320
/** Ten days: nobody is away for longer who did not want to log in again. */
const REFRESH_IDLE_SECONDS_MAX = 864_000

/** What a probe asks of the authorization server, besides tokens. */
const REFRESH = 'refresh'
const REVOCATION = 'revocation'

/** How long what was stolen is of use. */
export const lifetime: Check = {
  number: 11,
  slug: 'lifetime',
  title: 'Tokens end soon, refresh tokens rotate, and revocation bites',
  rationale: 'Tokens are lost; what counts is for how long, and whether anybody can end it.',
  clauses,
  weight: 9,
  why: 'A token that was stolen once is of use for days, and nobody can stop it.',
  fixes: [
    any(
      'Give access tokens at most 30 minutes; rotate refresh tokens and end the family when one comes twice; revoke at once (RFC 7009).',
    ),
    fix(
      'oidc-provider',
      'rotateRefreshToken: true, features.revocation, and opaque access tokens that are introspected',
    ),
  ],
  references: references(clauses, 'MCP01', 'ASI03', 'NHI1', 'NHI7', 'CWE-613', 'CWE-294'),
  excuse: ({ target }) =>
    target.authorizationServer?.document.value == null ? 'no authorization server is known' : null,
  probes: [
    {
      name: 'access-token',
      promise: 'an access token ends within the hour',
      problem: 'An access token lives longer than an hour',
      severity: 'medium',
      need: 'login',
      run: async (audit) => {
        if (audit.options.people.length === 0) return notApplicable('no token response was seen')
        const { expiresIn } = await audit.logins.full(0)
        if (expiresIn === null) return warn('expires_in is not told')
        if (expiresIn > HOUR_SECONDS) return fail(`${expiresIn} s`)
        if (expiresIn > HALF_HOUR_SECONDS) return warn(`${expiresIn} s`)
        return expiresIn > QUARTER_HOUR_SECONDS && (await opensFarReaching(audit))
          ? warn(`${expiresIn} s, and it opens tools that destroy or run things`)
          : pass(`${expiresIn} s`)
      },
    },
    onShared(
      'rotated',
      'a refresh brings another refresh token',
      'Refresh tokens do not rotate',
      'high',
      REFRESH,
      async (audit, first) => {
        const second = tokensOf(await audit.logins.refresh(first), first.client)
        if (second === null) return inconclusive('the refresh was refused')
        audit.logins.share({ ...second, refreshToken: second.refreshToken ?? first.refreshToken })
        if (first.client.secret !== null) return notApplicable('the client can prove who it is')
        if (second.refreshToken === null || second.refreshToken === first.refreshToken)
          return fail('the refresh token stays the same')
        return pass('another one')
      },
    ),
    onShared(
      'other-client',
      'a refresh token is of one client alone',
      'Another client can use a refresh token',
      'critical',
      REFRESH,
      async (audit, first) => {
        const { client } = await audit.logins.register()
        if (client === null) return notApplicable('no second client can be registered')
        const answer = await audit.logins.refresh(first, {}, client)
        return tokensOf(answer, client) === null ? pass(`${answer.status}`) : fail('tokens were given')
      },
    ),
    onShared(
      'unknown-token',
      'a token that is not known counts as revoked',
      'Revocation tells which tokens exist',
      'low',
      REVOCATION,
      async (audit, { client }) => {
        const answer = await audit.logins.postForm('revocation', { token: 'sallyport-audit' }, client)
        return isSuccess(answer) ? pass(`${answer.status}`) : fail(`${answer.status}`)
      },
    ),
    onIntrospection(
      'introspection-open',
      'introspection is for those who can prove who they are',
      'Anybody can introspect tokens',
      () => null,
    ),
    onIntrospection(
      'introspection-public',
      'the id of a public client is no proof',
      'A public client can introspect tokens',
      ({ client }) => client,
    ),
    onShared(
      'revoked-by-other-client',
      'a client revokes its own tokens alone',
      'Another client can revoke a token',
      'medium',
      REVOCATION,
      async (audit, tokens) => {
        const { client } = await audit.logins.register()
        if (client === null) return notApplicable('no second client can be registered')
        if (!(await audit.tellsTokens())) return notApplicable('any token is taken')
        await audit.logins.postForm('revocation', { token: tokens.accessToken }, client)
        return (await audit.opens(tokens.accessToken)) ? pass('the token lives') : fail('the token is dead')
      },
    ),
    onShared(
      'refresh-revoked-by-other-client',
      'a client revokes its own refresh tokens alone',
      'Another client can revoke a refresh token',
      'medium',
      REVOCATION,
      async (audit, tokens) => {
        if (tokens.refreshToken === null) return notApplicable('there are no refresh tokens')
        const { client } = await audit.logins.register()
        if (client === null) return notApplicable('no second client can be registered')
        await audit.logins.postForm('revocation', { token: tokens.refreshToken }, client)
        const renewed = tokensOf(await audit.logins.refresh(tokens), tokens.client)
        if (renewed === null) return fail('it brings no more tokens')
        audit.logins.share({ ...renewed, refreshToken: renewed.refreshToken ?? tokens.refreshToken })
        return pass('it still brings tokens')
      },
    ),
    // From here on each ends the login that it is given.
    onShared(
      'revoked-access',
      'an access token that was revoked is dead',
      'An access token that was revoked lives on',
      'medium',
      REVOCATION,
      async (audit, tokens) => {
        const answer = await audit.logins.postForm(
          'revocation',
          { token: tokens.accessToken, token_type_hint: 'access_token' },
          tokens.client,
        )
        // RFC 7009 §2.2.1: a server may not be able to revoke them.
        if (objectOf(answer)?.['error'] === 'unsupported_token_type') return warn('access tokens can not be revoked')
        return isSuccess(answer) ? untilDead(audit, tokens.accessToken) : inconclusive(`${answer.status}`)
      },
    ),
    onShared(
      'parallel',
      'two refreshes at once do not make two families',
      'Two refreshes at once make two families',
      'high',
      REFRESH,
      async (audit, first) => {
        const answers = await Promise.all([audit.logins.refresh(first), audit.logins.refresh(first)])
        const [one, other] = answers.map((answer) => tokensOf(answer, first.client))
        if (one == null || other == null) return pass('one of them is refused')
        if (one.refreshToken === other.refreshToken) return pass('both are the same')
        if (one.refreshToken === first.refreshToken) return notApplicable('refresh tokens do not rotate')
        await audit.wait(REPEAT_POLL_SECONDS * 1000)
        if (tokensOf(await audit.logins.refresh(first), first.client) !== null)
          return notApplicable('reuse is not refused')
        const both = [
          tokensOf(await audit.logins.refresh(one), first.client),
          tokensOf(await audit.logins.refresh(other), first.client),
        ]
        return both.every((tokens) => tokens !== null) ? fail('both go on') : pass('they do not both go on')
      },
    ),
    ...onReuse(),
    ...onRevokedRefresh(),
    {
      name: 'refresh-token-end',
      promise: 'a refresh token that nobody uses ends',
      problem: 'A refresh token that nobody uses lives for ever',
      severity: 'low',
      need: 'login',
      isLast: true,
      run: untilRefreshEnds,
    },
  ],
}

type Severity = Probe['severity']
type Judge = (audit: Audit, tokens: Tokens) => Promise<Outcome>

/** With the login that they share, of which each says what became of it by what the next one can still do with it. */
function onShared(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  asks: string,
  judge: Judge,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    need: 'login',
    run: async (audit) => {
      if (asks !== REFRESH && audit.logins.endpoint(asks) === null) return notApplicable(`there is no ${asks} endpoint`)
      if (audit.options.people.length === 0) return notApplicable('a token that was given is not put at risk')
      const tokens = await audit.logins.shared()
      if (asks === REFRESH && tokens.refreshToken === null) return notApplicable('there are no refresh tokens')
      return judge(audit, tokens)
    },
  }
}

function onIntrospection(name: string, promise: string, problem: string, by: (tokens: Tokens) => Client | null): Probe {
  return onShared(name, promise, problem, 'medium', 'introspection', async (audit, tokens) => {
    const client = by(tokens)
    if (client !== null && client.secret !== null) return notApplicable('the client can prove who it is')
    const answer = await audit.logins.postForm('introspection', { token: tokens.accessToken }, client)
    return isSuccess(answer) && objectOf(answer)?.['active'] === true
      ? fail('the token is shown')
      : pass(`${answer.status}`)
  })
}

/** What was tried once for all the probes that rest on it, with what was sent for it. */
function onStory<T>(
  asks: string,
  tell: (audit: Audit, tokens: Tokens) => Promise<T>,
): (name: string, promise: string, problem: string, severity: Severity, judge: (story: T) => Outcome) => Probe {
  const stories = new WeakMap<Audit, Promise<{ readonly value: T; readonly numbers: readonly number[] }>>()
  return (name, promise, problem, severity, judge) => {
    const first = onShared(name, promise, problem, severity, asks, async (audit, tokens) => {
      const known = stories.get(audit) ?? audit.noting(() => tell(audit, tokens))
      stories.set(audit, known)
      const { value, numbers } = await known
      return { ...judge(value), exchanges: numbers }
    })
    const run: Probe['run'] = async (audit, era) => {
      const known = await stories.get(audit)
      return known === undefined ? first.run(audit, era) : { ...judge(known.value), exchanges: known.numbers }
    }
    return { ...first, run }
  }
}

async function opensFarReaching(audit: Audit): Promise<boolean> {
  const { accessToken } = await audit.logins.full(0)
  const tools = await audit.toolsFor(accessToken)
  return tools.some(({ name, definition }) =>
    ['destructive', 'execute', 'financial', 'admin'].includes(classifyTool({ ...definition, name }).toolClass),
  )
}

async function rotate(audit: Audit, first: Tokens): Promise<Tokens | null> {
  const second = tokensOf(await audit.logins.refresh(first), first.client)
  return second === null || second.refreshToken === null || second.refreshToken === first.refreshToken ? null : second
}

/** What came of using a refresh token twice. */
interface ReuseStory {
  /** What the second use brought, beyond a repetition of the first answer; null when it was refused. */
  readonly reused: Tokens | null
  readonly detail: string
  readonly refresh: Outcome
  readonly access: Outcome
}

function onReuse(): readonly Probe[] {
  const probe = onStory(REFRESH, tellStory)
  const refused = (judge: (story: ReuseStory) => Outcome) => (story: ReuseStory | null) =>
    story === null ? notApplicable('refresh tokens do not rotate') : judge(story)
  return [
    probe(
      'reuse',
      'a refresh token that was used is refused',
      'A refresh token works again after it was used',
      'high',
      refused((story) => (story.reused === null ? pass(story.detail) : fail(story.detail))),
    ),
    probe(
      'reuse-ends-refresh',
      'reuse ends the newest refresh token',
      'After reuse the newest refresh token lives on',
      'high',
      refused((story) => (story.reused === null ? story.refresh : notApplicable('reuse is not refused'))),
    ),
    probe(
      'reuse-ends-access',
      'reuse ends the newest access token',
      'After reuse the newest access token lives on',
      'medium',
      refused((story) => (story.reused === null ? story.access : notApplicable('reuse is not refused'))),
    ),
  ]
}

function onRevokedRefresh(): readonly Probe[] {
  const probe = onStory(REVOCATION, revokeRefresh)
  return [
    probe(
      'revoked-refresh',
      'a refresh token that was revoked is dead',
      'A refresh token that was revoked lives on',
      'high',
      ({ refresh }) => refresh,
    ),
    probe(
      'revoked-refresh-ends-access',
      'revoking the refresh token ends the access token',
      'The access token outlives its refresh token',
      'medium',
      ({ access }) => access,
    ),
  ]
}

async function revokeRefresh(
  audit: Audit,
  tokens: Tokens,
): Promise<{ readonly refresh: Outcome; readonly access: Outcome }> {
  if (tokens.refreshToken === null) {
    const none = notApplicable('there are no refresh tokens')
    return { refresh: none, access: none }
  }
  const form = { token: tokens.refreshToken, token_type_hint: 'refresh_token' }
  const answer = await audit.logins.postForm('revocation', form, tokens.client)
  const notRevoked = notApplicable('it is not revoked')
  if (!isSuccess(answer)) return { refresh: inconclusive(`${answer.status}`), access: notRevoked }
  // The access token first: a refresh that works would bring another one, and may end this one.
  const access = await untilDead(audit, tokens.accessToken)
  const isDead = tokensOf(await audit.logins.refresh(tokens), tokens.client) === null
  return isDead ? { refresh: pass('dead'), access } : { refresh: fail('it still brings tokens'), access: notRevoked }
}

async function tellStory(audit: Audit, first: Tokens): Promise<ReuseStory | null> {
  const rotated = await rotate(audit, first)
  if (rotated === null) return null
  const { tokens: reused, detail } = await reuse(audit, first, rotated)
  const access = reused === null ? await untilDead(audit, rotated.accessToken) : notApplicable('')
  const isAlive = reused === null && tokensOf(await audit.logins.refresh(rotated), first.client) !== null
  return { reused, detail, access, refresh: isAlive ? fail('it still brings tokens') : pass('dead') }
}

/**
 * Uses a refresh token again. A server may repeat its answer for a while, because answers get lost; a repetition that goes on for longer than
 * that, or another answer, is what must not be.
 */
async function reuse(
  audit: Audit,
  first: Tokens,
  rotated: Tokens,
): Promise<{ readonly tokens: Tokens | null; readonly detail: string }> {
  for (let waited = 0; waited <= REPEAT_SECONDS_MAX; waited += REPEAT_POLL_SECONDS) {
    const again = tokensOf(await audit.logins.refresh(first), first.client)
    if (again === null)
      return {
        tokens: null,
        detail: waited === 0 ? 'refused' : `the same answer for less than ${waited} s, then refused`,
      }
    if (again.refreshToken !== rotated.refreshToken) return { tokens: again, detail: 'other tokens were given' }
    if (waited < REPEAT_SECONDS_MAX) await audit.wait(REPEAT_POLL_SECONDS * 1000)
  }
  return { tokens: rotated, detail: `the same answer for more than ${REPEAT_SECONDS_MAX} s` }
}

/** How long it takes until a token is refused, as exactly as is asked: what is slow is waited for as long as there is patience. */
async function untilDead(audit: Audit, token: string): Promise<Outcome> {
  if (!(await audit.tellsTokens())) return notApplicable('any token is taken')
  const startedMs = audit.nowMs()
  for (let waited = 0; waited <= DEAD_MS_MAX; waited += POLL_MS) {
    if (!(await audit.opens(token)))
      return pass(waited === 0 ? 'dead at once' : `dead after ${Math.ceil((audit.nowMs() - startedMs) / 1000)} s`)
    await audit.wait(POLL_MS)
  }
  const patienceSeconds = Math.min(audit.options.patienceSeconds, LATE_SECONDS_MAX)
  for (let late = 2 * (DEAD_MS_MAX / 1000), waited = DEAD_MS_MAX / 1000; late <= patienceSeconds; late *= 2) {
    await audit.wait((late - waited) * 1000)
    waited = late
    if (!(await audit.opens(token))) return warn(`dead after more than ${late / 2} and at most ${late} s`)
  }
  // A JWT that resource servers check by its keys alone lives until it ends (RFC 7009 §3); how long that may be is judged by itself.
  return isJwt(token) ? warn('it lives until it ends') : fail('it lives on')
}

/** RFC 9700 §4.14.2: refresh tokens SHOULD end when they are not used for some time. */
async function untilRefreshEnds(audit: Audit): Promise<Outcome> {
  const { people, patienceSeconds } = audit.options
  if (people.length === 0) return notApplicable('a token that was given is not put at risk')
  if (patienceSeconds < REFRESH_IDLE_SECONDS_MAX) return notTested(`it takes ${REFRESH_IDLE_SECONDS_MAX} s`)
  const tokens = await audit.logins.shared()
  if (tokens.refreshToken === null) return notApplicable('there are no refresh tokens')
  await audit.wait(REFRESH_IDLE_SECONDS_MAX * 1000)
  return tokensOf(await audit.logins.refresh(tokens), tokens.client) === null
    ? pass('it has ended')
    : warn(`it works after ${REFRESH_IDLE_SECONDS_MAX} s`)
}

function isJwt(token: string): boolean {
  return /^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$/.test(token)
}

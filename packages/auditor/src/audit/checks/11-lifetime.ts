import type { Audit } from '../audit.ts'
import { isSuccess, objectOf } from '../exchange/answer.ts'
import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import { tokensOf } from '../login/logins.ts'
import type { Client, Tokens } from '../login/tokens.ts'
import { type Check, fail, inconclusive, notApplicable, type Outcome, type Probe, pass, warn } from '../probe.ts'

const clauses = [rfc(9700, '4.14.2'), rfc(7009, '2'), rfc(7662, '4'), mcp('basic/authorization', 'Token Theft')]
const HOUR_SECONDS = 3600
const HALF_HOUR_SECONDS = 1800
/** Within it a client whose answer was lost may get the same answer again. */
const REPEAT_WINDOW_MS = 5000
const POLL_MS = 250

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
        const { expiresIn } = await audit.logins.full(0)
        if (expiresIn === null) return warn('expires_in is not told')
        if (expiresIn > HOUR_SECONDS) return fail(`${expiresIn} s`)
        return expiresIn > HALF_HOUR_SECONDS ? warn(`${expiresIn} s`) : pass(`${expiresIn} s`)
      },
    },
    onRefresh(
      'rotated',
      'a refresh brings another refresh token',
      'Refresh tokens do not rotate',
      'high',
      async (audit, first) => {
        const second = tokensOf(await audit.logins.refresh(first), first.client)
        if (second === null) return inconclusive('the refresh was refused')
        if (first.client.secret !== null) return notApplicable('the client can prove who it is')
        if (second.refreshToken === null || second.refreshToken === first.refreshToken)
          return fail('the refresh token stays the same')
        return pass('another one')
      },
    ),
    onRefresh(
      'reuse',
      'a refresh token that was used is refused',
      'A refresh token works again after it was used',
      'high',
      async (audit, first) => {
        const rotated = await rotate(audit, first)
        if (rotated === null) return notApplicable('refresh tokens do not rotate')
        const third = await reuse(audit, first, rotated)
        return third === null ? pass('refused') : fail('tokens were given')
      },
    ),
    onRefresh(
      'reuse-ends-refresh',
      'reuse ends the newest refresh token',
      'After reuse the newest refresh token lives on',
      'high',
      async (audit, first) => {
        const rotated = await rotate(audit, first)
        if (rotated === null) return notApplicable('refresh tokens do not rotate')
        if ((await reuse(audit, first, rotated)) !== null) return notApplicable('reuse is not refused')
        return tokensOf(await audit.logins.refresh(rotated), first.client) === null
          ? pass('dead')
          : fail('it still brings tokens')
      },
    ),
    onRefresh(
      'reuse-ends-access',
      'reuse ends the newest access token',
      'After reuse the newest access token lives on',
      'medium',
      async (audit, first) => {
        const rotated = await rotate(audit, first)
        if (rotated === null) return notApplicable('refresh tokens do not rotate')
        if ((await reuse(audit, first, rotated)) !== null) return notApplicable('reuse is not refused')
        return untilDead(audit, rotated.accessToken)
      },
    ),
    onRefresh(
      'parallel',
      'two refreshes at once do not make two families',
      'Two refreshes at once make two families',
      'high',
      async (audit, first) => {
        const answers = await Promise.all([audit.logins.refresh(first), audit.logins.refresh(first)])
        const [one, other] = answers.map((answer) => tokensOf(answer, first.client))
        if (one == null || other == null) return pass('one of them is refused')
        if (one.refreshToken === other.refreshToken) return pass('both are the same')
        if (one.refreshToken === first.refreshToken) return notApplicable('refresh tokens do not rotate')
        const after = await reuseAfterWindow(audit, first)
        if (after !== null) return notApplicable('reuse is not refused')
        const both = [
          tokensOf(await audit.logins.refresh(one), first.client),
          tokensOf(await audit.logins.refresh(other), first.client),
        ]
        return both.every((tokens) => tokens !== null) ? fail('both go on') : pass('they do not both go on')
      },
    ),
    onRefresh(
      'other-client',
      'a refresh token is of one client alone',
      'Another client can use a refresh token',
      'critical',
      async (audit, first) => {
        const { client } = await audit.logins.register()
        if (client === null) return notApplicable('no second client can be registered')
        const answer = await audit.logins.refresh(first, {}, client)
        return tokensOf(answer, client) === null ? pass(`${answer.status}`) : fail('tokens were given')
      },
    ),
    onRevocation(
      'revoked-access',
      'an access token that was revoked is dead',
      'An access token that was revoked lives on',
      'medium',
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
    onRevocation(
      'revoked-refresh',
      'a refresh token that was revoked is dead',
      'A refresh token that was revoked lives on',
      'high',
      async (audit, tokens) => {
        if (tokens.refreshToken === null) return notApplicable('there are no refresh tokens')
        const answer = await audit.logins.postForm(
          'revocation',
          { token: tokens.refreshToken, token_type_hint: 'refresh_token' },
          tokens.client,
        )
        if (!isSuccess(answer)) return inconclusive(`${answer.status}`)
        return tokensOf(await audit.logins.refresh(tokens), tokens.client) === null
          ? pass('dead')
          : fail('it still brings tokens')
      },
    ),
    onRevocation(
      'revoked-refresh-ends-access',
      'revoking the refresh token ends the access token',
      'The access token outlives its refresh token',
      'medium',
      async (audit, tokens) => {
        if (tokens.refreshToken === null) return notApplicable('there are no refresh tokens')
        const answer = await audit.logins.postForm(
          'revocation',
          { token: tokens.refreshToken, token_type_hint: 'refresh_token' },
          tokens.client,
        )
        if (!isSuccess(answer) || tokensOf(await audit.logins.refresh(tokens), tokens.client) !== null)
          return notApplicable('it is not revoked')
        return untilDead(audit, tokens.accessToken)
      },
    ),
    onRevocation(
      'revoked-by-other-client',
      'a client revokes its own tokens alone',
      'Another client can revoke a token',
      'medium',
      async (audit, tokens) => {
        const { client } = await audit.logins.register()
        if (client === null) return notApplicable('no second client can be registered')
        if (!(await audit.tellsTokens())) return notApplicable('any token is taken')
        await audit.logins.postForm('revocation', { token: tokens.accessToken }, client)
        return (await audit.opens(tokens.accessToken)) ? pass('the token lives') : fail('the token is dead')
      },
    ),
    onRevocation(
      'unknown-token',
      'a token that is not known counts as revoked',
      'Revocation tells which tokens exist',
      'low',
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
  ],
}

type Severity = Probe['severity']
type Judge = (audit: Audit, tokens: Tokens) => Promise<Outcome>

/** Each with a login of its own, because most of them end it. */
function withLogin(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: Judge,
  endpoint: string | null,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    need: 'login',
    run: async (audit) => {
      if (endpoint !== null && audit.logins.endpoint(endpoint) === null)
        return notApplicable(`there is no ${endpoint} endpoint`)
      if (audit.options.people.length === 0) return notApplicable('a token that was given is not put at risk')
      const tokens = await audit.logins.login(0)
      if (endpoint === null && tokens.refreshToken === null) return notApplicable('there are no refresh tokens')
      return judge(audit, tokens)
    },
  }
}

function onRefresh(name: string, promise: string, problem: string, severity: Severity, judge: Judge): Probe {
  return withLogin(name, promise, problem, severity, judge, null)
}

function onRevocation(name: string, promise: string, problem: string, severity: Severity, judge: Judge): Probe {
  return withLogin(name, promise, problem, severity, judge, 'revocation')
}

function onIntrospection(name: string, promise: string, problem: string, by: (tokens: Tokens) => Client | null): Probe {
  const judge: Judge = async (audit, tokens) => {
    const client = by(tokens)
    if (client !== null && client.secret !== null) return notApplicable('the client can prove who it is')
    const answer = await audit.logins.postForm('introspection', { token: tokens.accessToken }, client)
    return isSuccess(answer) && objectOf(answer)?.['active'] === true
      ? fail('the token is shown')
      : pass(`${answer.status}`)
  }
  return withLogin(name, promise, problem, 'medium', judge, 'introspection')
}

async function rotate(audit: Audit, first: Tokens): Promise<Tokens | null> {
  const second = tokensOf(await audit.logins.refresh(first), first.client)
  return second === null || second.refreshToken === null || second.refreshToken === first.refreshToken ? null : second
}

/**
 * Uses the first refresh token again. A server may answer the same once more while a lost answer is likely; after that window, or at once
 * if the answer is another one, it is reuse. Answers what the reuse brought, null when it is refused.
 */
async function reuse(audit: Audit, first: Tokens, rotated: Tokens): Promise<Tokens | null> {
  const again = tokensOf(await audit.logins.refresh(first), first.client)
  const isRepeat = again !== null && again.refreshToken === rotated.refreshToken
  return isRepeat ? reuseAfterWindow(audit, first) : again
}

async function reuseAfterWindow(audit: Audit, first: Tokens): Promise<Tokens | null> {
  await audit.wait(REPEAT_WINDOW_MS)
  return tokensOf(await audit.logins.refresh(first), first.client)
}

async function untilDead(audit: Audit, token: string): Promise<Outcome> {
  if (!(await audit.tellsTokens())) return notApplicable('any token is taken')
  const started = performance.now()
  for (let waited = 0; waited <= REPEAT_WINDOW_MS; waited += POLL_MS) {
    if (!(await audit.opens(token)))
      return pass(waited === 0 ? 'dead at once' : `dead after ${Math.ceil((performance.now() - started) / 1000)} s`)
    await audit.wait(POLL_MS)
  }
  // A JWT that resource servers check by its keys alone lives until it ends; how long that may be is judged by itself.
  return isJwt(token) ? warn('it lives until it ends') : fail('it lives on')
}

function isJwt(token: string): boolean {
  return /^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$/.test(token)
}

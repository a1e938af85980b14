import type { Audit } from '../audit.ts'
import { hasResult, isRefusal, objectOf } from '../exchange/answer.ts'
import type { Answer } from '../exchange/ask.ts'
import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import { attempt } from '../login/attempt.ts'
import type { Client, Code, Tokens } from '../login/tokens.ts'
import { tokensOf } from '../login/tokens.ts'
import { type Check, fail, inconclusive, notApplicable, notTested, type Outcome, pass, warn } from '../probe.ts'
import { type Era, INITIALIZE, type McpRequest } from '../target/mcp-message.ts'
import { Undecided } from '../undecided.ts'

const clauses = [
  rfc(8707, '2'),
  rfc(9068, '4'),
  mcp('basic/authorization', 'Access Token Privilege Restriction'),
  mcp('basic/security_best_practices', 'Token Passthrough'),
]
const NOBODYS = 'https://resource.sallyport-audit.example/mcp'

/** A token is for one resource: what one server gets, it can not use at another. */
export const audience: Check = {
  number: 9,
  slug: 'audience',
  title: 'Tokens are for this resource and no other',
  rationale:
    'A server that sees a token must not be able to use it elsewhere, and one that takes tokens for others is open to all of them.',
  clauses,
  weight: 12,
  why: 'Any server that a person has ever logged in to can call this one in their name.',
  fixes: [
    any(
      'Bind each token to the `resource` that was asked for, and compare its audience with the exact URL of the endpoint.',
    ),
    fix('TypeScript SDK', 'requireBearerAuth({ expectedResource })'),
  ],
  references: references(clauses, 'MCP07', 'MCP01', 'ASI03', 'NHI4', 'NHI5', 'CWE-346', 'CWE-441'),
  excuse: ({ target }) => (target.demandsToken ? null : 'the server asks for no token'),
  probes: [
    {
      name: 'other-resource-here',
      promise: 'a token for another resource is refused here',
      problem: 'A token for another resource is accepted here',
      severity: 'critical',
      need: 'other resource',
      run: async (audit) => {
        const { accessToken } = await audit.logins.elsewhere(0, otherOf(audit))
        return (await opensAnywhere(audit, accessToken, audit.target.url))
          ? fail('it opens this resource')
          : pass('refused')
      },
    },
    {
      name: 'this-resource-there',
      promise: 'a token for this resource is refused at another',
      problem: 'A token for this resource is accepted at another',
      severity: 'critical',
      need: 'other resource',
      run: async (audit) => {
        const { accessToken } = await audit.logins.full(0)
        return (await opensAnywhere(audit, accessToken, otherOf(audit)))
          ? fail('it opens the other resource')
          : pass('refused')
      },
    },
    {
      name: 'resource-of-nobody',
      promise: 'no token is given for a resource that the server does not know',
      problem: 'A token is given for a resource that the server does not know',
      severity: 'high',
      need: 'login',
      run: async (audit) => {
        const done = await attempt(audit, { resource: NOBODYS })
        if (done.kind === 'refused') return pass(done.detail)
        if (done.kind !== 'code') return inconclusive(done.kind === 'redirected' ? 'redirected' : done.detail)
        const answer = await audit.logins.redeem(done.code)
        const tokens = tokensOf(answer, done.code.client)
        if (tokens === null) return pass(`${errorOf(answer)}`)
        const opened = await opensAnywhere(audit, tokens.accessToken, audit.target.url)
        return fail(opened ? 'a token was given, and it opens this resource' : 'a token was given')
      },
    },
    {
      name: 'no-resource',
      promise: 'a token that is for nothing in particular is not for everything',
      problem: 'Without a resource a token is for everything',
      severity: 'high',
      need: 'other resource',
      run: async (audit) => {
        const done = await attempt(audit, { resource: null })
        if (done.kind === 'refused') return pass(done.detail)
        if (done.kind !== 'code') return inconclusive(done.kind === 'redirected' ? 'redirected' : done.detail)
        const tokens = tokensOf(
          await audit.logins.redeem({ ...done.code, resource: '' }, { resource: null }),
          done.code.client,
        )
        if (tokens === null) return pass('no token')
        const [here, there] = [
          await opensAnywhere(audit, tokens.accessToken, audit.target.url),
          await opensAnywhere(audit, tokens.accessToken, otherOf(audit)),
        ]
        return here && there ? fail('it opens both resources') : pass('it does not open both')
      },
    },
    {
      name: 'foreign-token',
      promise: 'a real token of another issuer is refused',
      problem: 'A token of another issuer is accepted',
      severity: 'critical',
      run: async (audit) => {
        const { foreignTokens } = audit.options
        if (foreignTokens.length === 0) return notTested('it needs a token of another issuer (--foreign-token-file)')
        for (const token of foreignTokens)
          for (const era of audit.eras) {
            const answer = await audit.call(era, askedFirst(era, token))
            if (hasResult(answer)) return fail('answered with a result')
            if (!isRefusal(answer)) return inconclusive(answer.failure ?? `${answer.status}`)
          }
        return pass('refused')
      },
    },
    {
      name: 'passed-on',
      promise: 'the token of a caller does not go on to what is behind the server',
      problem: 'The token of a caller goes on to what is behind the server',
      severity: 'critical',
      need: 'login',
      run: async (audit) => {
        const { upstream } = audit.options
        if (upstream === null) return notTested('it needs to be what the server calls (--upstream-port)')
        const { accessToken } = await audit.logins.full(0)
        for (const era of audit.eras) await audit.toolsFor(accessToken, era)
        const seen = await audit.observe('requests at the upstream', async () => {
          const requests = upstream.requests()
          return { count: requests.length, hasToken: requests.some((request) => request.includes(accessToken)) }
        })
        if (seen.count === 0) return notTested('nothing came to the upstream')
        return seen.hasToken ? fail('the token is there') : pass(`not in any of ${seen.count} requests`)
      },
    },
    {
      name: 'changed-at-token',
      promise: 'a code for one resource brings no token for another',
      problem: 'A code for one resource brings a token for another',
      severity: 'critical',
      need: 'other resource',
      run: async (audit) => {
        const { code } = await audit.logins.authorize(0)
        if (code === null) return inconclusive('no code was given')
        const answer = await audit.logins.redeem(code, { resource: otherOf(audit) })
        if (tokensOf(answer, code.client) === null) untouched.set(audit, code)
        return judgeOther(audit, answer, code.client)
      },
    },
    {
      name: 'left-out-at-token',
      promise: 'a code for one resource brings no token for another when the resource is left out',
      problem: 'Without a resource a code brings a token for another',
      severity: 'critical',
      need: 'other resource',
      run: async (audit) => {
        const kept = untouched.get(audit)
        const tokens = (kept === undefined ? null : await redeemWithout(audit, kept)) ?? (await freshWithout(audit))
        if (tokens === null) return pass('no token')
        audit.logins.share(tokens)
        return (await opensAnywhere(audit, tokens.accessToken, otherOf(audit)))
          ? fail('it opens the other resource')
          : pass('it does not open the other resource')
      },
    },
    {
      name: 'changed-at-refresh',
      promise: 'a refresh for one resource brings no token for another',
      problem: 'A refresh for one resource brings a token for another',
      severity: 'critical',
      need: 'other resource',
      run: async (audit) => {
        const tokens = await audit.logins.shared()
        if (tokens.refreshToken === null) return notApplicable('there are no refresh tokens')
        return judgeOther(audit, await audit.logins.refresh(tokens, { resource: otherOf(audit) }), tokens.client)
      },
    },
  ],
}

/** Without a session of its own: `initialize` is where that wire takes a token first. */
function askedFirst(era: Era, token: string): McpRequest {
  const asked = era === 'modern' ? { method: 'tools/list' } : { method: 'initialize', params: INITIALIZE }
  return { ...asked, token, sessionId: null }
}

/** A code whose redemption was refused, and that may work when it is redeemed as it should be. */
const untouched = new WeakMap<Audit, Code>()

async function freshWithout(audit: Audit): Promise<Tokens | null> {
  const { code } = await audit.logins.authorize(0)
  return code === null ? null : redeemWithout(audit, code)
}

async function redeemWithout(audit: Audit, code: Code): Promise<Tokens | null> {
  return tokensOf(await audit.logins.redeem(code, { resource: null }), code.client)
}

function otherOf({ options }: Audit): string {
  return options.otherResource ?? ''
}

async function judgeOther(audit: Audit, answer: Answer, client: Client): Promise<Outcome> {
  const tokens = tokensOf(answer, client)
  if (tokens === null) return pass(errorOf(answer))
  if (await opensAnywhere(audit, tokens.accessToken, otherOf(audit))) return fail('it opens the other resource')
  return warn('a token was given that does not open the other resource')
}

/** In any era; one that this resource does not speak, so that no token opens it there, says nothing. */
async function opensAnywhere(audit: Audit, token: string, url: string): Promise<boolean> {
  let undecided: Undecided | null = null
  let isRefused = false
  for (const era of audit.eras) {
    try {
      if (await audit.opens(token, era, url)) return true
      isRefused = true
    } catch (error) {
      if (!(error instanceof Undecided)) throw error
      undecided = error
    }
  }
  if (!isRefused && undecided !== null) throw undecided
  return false
}

function errorOf(answer: Answer): string {
  const error = objectOf(answer)?.['error']
  return typeof error === 'string' ? error : `${answer.status}`
}

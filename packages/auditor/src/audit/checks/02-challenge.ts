import type { Audit } from '../audit.ts'
import { challengeOf, hasResult, headerOf } from '../exchange/answer.ts'
import type { Answer } from '../exchange/ask.ts'
import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import { type Check, fail, inconclusive, notApplicable, type Outcome, type Probe, pass, warn } from '../probe.ts'
import { excludedTool } from './excluded-tool.ts'

const clauses = [rfc(6750, '3'), rfc(9728, '5.1'), mcp('basic/authorization', 'Runtime Insufficient Scope')]

/** What the server says when it refuses is how every client finds out where to log in. */
export const challenge: Check = {
  number: 2,
  slug: 'challenge',
  title: 'The challenge is right',
  rationale: 'A client learns from the refusal where to log in, what for, and whether its token is at fault.',
  clauses,
  weight: 5,
  why: 'Clients do not find the way to log in, ask for too much, or throw good tokens away.',
  fixes: [
    any(
      'Answer 401 with `WWW-Authenticate: Bearer resource_metadata="…", scope="…"`; add `error="invalid_token"` only where a token came.',
    ),
    fix('TypeScript SDK', 'Give requireBearerAuth the resourceMetadataUrl, and requireScopes to the tools.'),
  ],
  references: references(clauses, 'MCP07', 'ASI03', 'CWE-287'),
  excuse: ({ target }) => (target.refusal === null ? 'nothing is refused without a token' : null),
  probes: [
    onRefusal(
      'status',
      'a request without a token is answered with 401',
      'A request without a token is not answered with 401',
      'medium',
      ({ status }) => (status === 401 ? pass('401') : fail(`answered with ${status}`)),
    ),
    onChallenge(
      'bearer',
      'the challenge is for Bearer',
      'The refusal has no Bearer challenge',
      'medium',
      (parameters) => (parameters === null ? fail('no Bearer challenge') : pass('Bearer')),
    ),
    onChallenge(
      'resource-metadata',
      'the challenge says where the metadata is',
      'The challenge does not say where the metadata is',
      'medium',
      (parameters) =>
        parameters?.has('resource_metadata') ? pass('resource_metadata is there') : fail('no resource_metadata'),
    ),
    onChallenge(
      'no-error',
      'a challenge to nobody says nothing of a bad token',
      'A request without a token is told that its token is bad',
      'low',
      (parameters) =>
        parameters?.has('error')
          ? warn('error is there, and no token came: RFC 6750 §3.1 advises against it')
          : pass('no error'),
    ),
    onChallenge(
      'scope',
      'the challenge says which scope is needed',
      'The challenge does not say which scope is needed',
      'low',
      (parameters) => (parameters?.has('scope') ? pass('scope is there') : warn('no scope')),
    ),
    onRefusal('no-page', 'a refusal is not a page', 'The refusal is a web page', 'low', (answer) =>
      headerOf(answer, 'content-type')?.includes('html') ? fail('text/html') : pass('no page'),
    ),
    onBadToken(
      'bad-token-status',
      'a bad token is answered with 401',
      'A bad token is not answered with 401',
      'medium',
      (answer) =>
        answer.status === 401
          ? pass('401')
          : answer.status === 429
            ? inconclusive('429')
            : fail(`answered with ${answer.status}`),
    ),
    onBadToken(
      'bad-token-error',
      'a bad token is called invalid_token',
      'A bad token is not called invalid_token',
      'medium',
      (answer) => {
        if (answer.status !== 401) return notApplicable(`answered with ${answer.status}`)
        const parameters = challengeOf(answer, 'bearer')
        if (parameters === null) return notApplicable('no Bearer challenge')
        const error = parameters.get('error')
        return error === 'invalid_token'
          ? pass('invalid_token')
          : fail(error === undefined ? 'no error' : `error is ${error}`)
      },
    ),
    onStepUp(
      'step-up-status',
      'too little scope is answered with 403',
      'Too little scope is not answered with 403',
      ({ status }) => (status === 403 ? pass('403') : fail(`answered with ${status}`)),
    ),
    onStepUp(
      'step-up-error',
      'too little scope is called insufficient_scope',
      'Too little scope is not called insufficient_scope',
      (answer) => {
        const error = challengeOf(answer, 'bearer')?.get('error')
        return error === 'insufficient_scope'
          ? pass('insufficient_scope')
          : fail('no insufficient_scope in a Bearer challenge')
      },
    ),
    onStepUp('step-up-scope', 'the scope that is needed is named', 'The scope that is needed is not named', (answer) =>
      challengeOf(answer, 'bearer')?.get('scope') ? pass('scope is there') : fail('no scope'),
    ),
    onStepUp(
      'step-up-metadata',
      'the metadata is named there too',
      'The step-up challenge does not say where the metadata is',
      (answer) =>
        challengeOf(answer, 'bearer')?.get('resource_metadata')
          ? pass('resource_metadata is there')
          : fail('no resource_metadata'),
    ),
  ],
}

type Severity = Probe['severity']

function onRefusal(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: (answer: Answer) => Outcome,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    run: async ({ target }) => (target.refusal === null ? notApplicable('') : judge(target.refusal)),
  }
}

function onChallenge(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: (parameters: ReadonlyMap<string, string> | null) => Outcome,
): Probe {
  return onRefusal(name, promise, problem, severity, (answer) => {
    const parameters = challengeOf(answer, 'bearer')
    if (answer.status !== 401) return notApplicable(`answered with ${answer.status}`)
    return parameters === null && name !== 'bearer' ? notApplicable('no Bearer challenge') : judge(parameters)
  })
}

function onBadToken(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: (answer: Answer) => Outcome,
): Probe {
  const ask = (audit: Audit) =>
    audit.call(audit.eras[0] ?? 'modern', { method: 'tools/list', token: 'sallyport-audit-no-token', sessionId: null })
  const run = async (audit: Audit) => {
    const answer = await ask(audit)
    return hasResult(answer) ? notApplicable('it is accepted') : judge(answer)
  }
  return { name, promise, problem, severity, run }
}

function onStepUp(name: string, promise: string, problem: string, judge: (answer: Answer) => Outcome): Probe {
  return {
    name,
    promise,
    problem,
    severity: 'medium',
    need: 'login',
    run: async (audit) => {
      const excluded = await excludedTool(audit)
      if (excluded === null) return notApplicable('no tool is beyond the least scope')
      const answer = await audit.call(excluded.era, {
        method: 'tools/call',
        params: { name: excluded.name, arguments: excluded.unfit },
        token: excluded.token,
      })
      // Whether it is refused at all is judged elsewhere (check 10).
      if (answer.status >= 200 && answer.status < 300) return notApplicable('it is not refused')
      if (answer.status === 400) return notApplicable('the arguments were looked at first')
      return judge(answer)
    },
  }
}

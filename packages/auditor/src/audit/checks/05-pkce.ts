import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import { attempt } from '../login/attempt.ts'
import type { AuthorizationChange } from '../login/logins.ts'
import { tokensOf } from '../login/tokens.ts'
import { type Check, fail, inconclusive, notApplicable, type Outcome, type Probe, pass } from '../probe.ts'
import { type CodeAttempt, judgeCodeAttempt } from './code-attempts.ts'

const clauses = [
  rfc(7636, '4.4.1'),
  rfc(7636, '4.6'),
  rfc(9700, '2.1.1'),
  mcp('basic/authorization', 'Authorization Code Protection'),
]

/** RFC 7636: whoever has stolen a code can do nothing with it. */
export const pkce: Check = {
  number: 5,
  slug: 'pkce',
  title: 'PKCE is demanded and checked',
  rationale: 'A code that is seen on its way is worth nothing without the verifier, if the server insists on one.',
  clauses,
  weight: 9,
  why: 'Another app, a log or a proxy that sees a code turns it into tokens.',
  fixes: [
    any(
      'Demand `code_challenge` with `S256` from every client and compare the hash of the verifier at the token endpoint.',
    ),
    fix('oidc-provider', 'pkce: { required: () => true }'),
    fix('Keycloak', 'Set "Proof Key for Code Exchange Code Challenge Method" to S256 for every client.'),
  ],
  references: references(clauses, 'MCP07', 'MCP01', 'ASI03', 'NHI4', 'CWE-345'),
  excuse: ({ target }) =>
    target.authorizationServer?.document.value == null ? 'no authorization server is known' : null,
  probes: [
    onMethods('advertised', 'S256 is advertised', 'S256 is not advertised', (methods) =>
      methods.includes('S256') ? pass('S256') : fail('code_challenge_methods_supported lacks S256'),
    ),
    onMethods('plain-advertised', 'plain is not advertised', 'The method plain is advertised', (methods) =>
      methods.includes('plain') ? fail('plain') : pass('not advertised'),
    ),
    onAuthorize('required', 'a request without a challenge is refused', 'A request without a challenge is taken', {
      code_challenge: null,
      code_challenge_method: null,
    }),
    onAuthorize('plain', 'a plain challenge is refused', 'A plain challenge is taken', {
      code_challenge: 'a'.repeat(43),
      code_challenge_method: 'plain',
    }),
    onAuthorize(
      'unknown-method',
      'a challenge of an unknown method is refused',
      'A challenge of an unknown method is taken',
      { code_challenge_method: 'S1024' },
    ),
    onAuthorize(
      'challenge-form',
      'a challenge that no S256 can be is refused',
      'A challenge that no S256 can be is taken',
      { code_challenge: 'short' },
      'medium',
    ),
    {
      name: 'downgrade',
      promise: 'a verifier without a challenge is refused',
      problem: 'A verifier is taken for a code that was asked for without a challenge',
      severity: 'high',
      need: 'login',
      run: async (audit) => {
        if (audit.options.people.length === 0) return notApplicable('no code to try with')
        const done = await attempt(audit, { code_challenge: null, code_challenge_method: null })
        if (done.kind === 'refused') return notApplicable('no such code is given')
        if (done.kind !== 'code') return inconclusive(done.kind === 'redirected' ? 'redirected' : done.detail)
        // RFC 9700 §4.8.2: who strips the challenge from a request is found out by the verifier that still comes.
        const answer = await audit.logins.redeem(done.code, { code_verifier: 'a'.repeat(43) })
        return tokensOf(answer, done.code.client) === null ? pass(`${answer.status}`) : fail('tokens were given')
      },
    },
    onRedeem('wrong-verifier', 'a wrong verifier is refused', 'A wrong verifier is taken'),
    onRedeem('missing-verifier', 'a missing verifier is refused', 'A missing verifier is taken'),
    onRedeem(
      'challenge-as-verifier',
      'the challenge does not do for the verifier',
      'The challenge does for the verifier',
    ),
  ],
}

function onMethods(
  name: string,
  promise: string,
  problem: string,
  judge: (methods: readonly unknown[]) => Outcome,
): Probe {
  return {
    name,
    promise,
    problem,
    severity: 'medium',
    run: async ({ logins }) => judge([logins.metadata['code_challenge_methods_supported'] ?? []].flat()),
  }
}

function onAuthorize(
  name: string,
  promise: string,
  problem: string,
  change: AuthorizationChange,
  severity: 'critical' | 'medium' = 'critical',
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    need: 'write',
    run: async (audit) => {
      const done = await attempt(audit, change)
      if (done.kind === 'refused') return pass(done.detail)
      return done.kind === 'code'
        ? fail('a code was given')
        : inconclusive(done.kind === 'redirected' ? 'redirected' : done.detail)
    },
  }
}

function onRedeem(name: CodeAttempt, promise: string, problem: string): Probe {
  return {
    name,
    promise,
    problem,
    severity: 'critical',
    need: 'login',
    run: (audit) => judgeCodeAttempt(audit, name),
  }
}

import { mcp, rfc } from '../knowledge.ts'
import type { Advice } from './advice.ts'

export const ADVICE: readonly Advice[] = [
  {
    of: 'advertised',
    why: 'Clients that need S256 refuse to log in, or go without PKCE.',
    fix: 'Advertise code_challenge_methods_supported: ["S256"].',
    clauses: [rfc(8414, '2'), mcp('basic/authorization', 'Code Protection')],
    ids: 'MCP07',
  },
  {
    of: 'plain-advertised plain',
    why: 'Whoever sees the authorization request has the verifier too.',
    fix: 'Take S256 alone.',
    clauses: [rfc(7636, '4.2'), rfc(9700, '2.1.1')],
    ids: 'MCP07 CWE-345',
  },
  {
    of: 'required',
    why: 'A code that is intercepted is worth a token, because nothing ties it to who asked.',
    fix: 'Refuse authorization requests without a code_challenge.',
    clauses: [rfc(7636, '4.4.1'), rfc(9700, '2.1.1')],
    ids: 'MCP07 MCP01 NHI4 CWE-345',
  },
  {
    of: 'unknown-method challenge-form',
    why: 'A challenge that nothing can answer is taken as if it protected something.',
    fix: 'Take S256 challenges of 43 base64url characters alone.',
    clauses: [rfc(7636, '4.2'), rfc(7636, '4.4.1')],
    ids: 'MCP07 CWE-20',
  },
  {
    of: 'downgrade',
    why: 'Whoever strips the challenge from a request is not noticed, and the code is redeemed all the same.',
    fix: 'Refuse a verifier where the code was asked for without a challenge.',
    clauses: [rfc(9700, '4.8.2')],
    ids: 'MCP07 CWE-757',
  },
  {
    of: 'wrong-verifier missing-verifier challenge-as-verifier',
    why: 'PKCE is asked for and not checked: a stolen code is redeemed by anybody.',
    fix: 'Hash the verifier and compare it with the challenge; refuse when it is missing.',
    clauses: [rfc(7636, '4.6')],
    ids: 'MCP07 MCP01 NHI4 CWE-345',
  },
]

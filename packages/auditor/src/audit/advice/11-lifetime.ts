import { mcp, rfc } from '../knowledge.ts'
import type { Advice } from './advice.ts'

export const ADVICE: readonly Advice[] = [
  {
    of: 'access-token',
    why: 'A token that leaks is of use for hours.',
    fix: 'Give 30 minutes at most, 15 where tools destroy or run things.',
    clauses: [rfc(6750, '5.3'), mcp('basic/authorization', 'Token Theft')],
    ids: 'MCP01 NHI7 CWE-613',
  },
  {
    of: 'rotated parallel reuse',
    why: 'A refresh token that was copied works beside the real one, and nobody notices.',
    fix: 'Rotate refresh tokens of public clients in one atomic step; a used one is refused.',
    clauses: [rfc(9700, '4.14.2')],
    ids: 'MCP01 NHI7 CWE-294',
  },
  {
    of: 'reuse-ends-refresh reuse-ends-access',
    why: 'Theft is noticed, and the thief keeps what they have.',
    fix: 'End the whole family when a used refresh token comes.',
    clauses: [rfc(9700, '4.14.2')],
    ids: 'MCP01 CWE-294 CWE-613',
  },
  {
    of: 'other-client',
    why: 'Any client with a stolen refresh token gets tokens.',
    fix: 'Bind refresh tokens to their client.',
    clauses: [rfc(6749, '10.4'), rfc(9700, '4.14.2')],
    ids: 'MCP01 NHI4 CWE-863',
  },
  {
    of: 'revoked-access revoked-refresh revoked-refresh-ends-access',
    why: 'What somebody has given back still works.',
    fix: 'Make revocation end the grant, and let resource servers hear of it within seconds.',
    clauses: [rfc(7009, '2.1')],
    ids: 'MCP01 NHI1 CWE-613',
  },
  {
    of: 'revoked-by-other-client refresh-revoked-by-other-client',
    why: 'A stranger’s client logs other people out.',
    fix: 'Revoke tokens of the client that asks alone.',
    clauses: [rfc(7009, '2.1')],
    ids: 'MCP07 CWE-863',
  },
  {
    of: 'unknown-token',
    why: 'The endpoint tells which tokens exist.',
    fix: 'Answer 200 to tokens that are not known.',
    clauses: [rfc(7009, '2.2')],
    ids: 'MCP10 CWE-204',
  },
  {
    of: 'introspection-open introspection-public',
    why: 'Whoever finds a token learns whose it is and what it opens.',
    fix: 'Ask resource servers for their own credentials.',
    clauses: [rfc(7662, '2.1'), rfc(7662, '4')],
    ids: 'MCP01 CWE-306',
  },
  {
    of: 'refresh-token-end',
    why: 'A forgotten refresh token from an old backup still opens everything.',
    fix: 'End refresh tokens that nobody uses.',
    clauses: [rfc(9700, '4.14.2')],
    ids: 'MCP01 NHI1 NHI7 CWE-613',
  },
]

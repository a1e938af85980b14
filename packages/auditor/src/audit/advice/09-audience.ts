import { mcp, practice, rfc } from '../knowledge.ts'
import type { Advice } from './advice.ts'

export const ADVICE: readonly Advice[] = [
  {
    of: 'other-resource-here this-resource-there',
    why: 'A server that people log in to for one thing uses their token at another one.',
    fix: 'Compare aud with the exact URL of this endpoint.',
    clauses: [rfc(8707, '2'), mcp('basic/authorization', 'Access Token Privilege Restriction')],
    ids: 'MCP07 MCP01 NHI4 CWE-346 CWE-441',
  },
  {
    of: 'resource-of-nobody',
    why: 'Tokens are made for whatever name an attacker’s server has.',
    fix: 'Refuse resources that are not known with invalid_target.',
    clauses: [rfc(8707, '2')],
    ids: 'MCP07 CWE-346',
  },
  {
    of: 'no-resource',
    why: 'A client that says nothing gets a token for everything.',
    fix: 'Demand resource, or give a token for one default alone.',
    clauses: [rfc(8707, '2.2')],
    ids: 'MCP07 NHI5 CWE-272',
  },
  {
    of: 'foreign-token',
    why: 'Tokens of a service that others run open this one.',
    fix: 'Take tokens of your own issuer and audience alone, and have credentials of your own for what lies behind.',
    clauses: [mcp('basic/authorization', 'Access Token Privilege Restriction'), practice('Token Passthrough')],
    ids: 'MCP07 MCP01 NHI4 CWE-346',
  },
  {
    of: 'passed-on',
    why: 'What lies behind sees people’s tokens and can use them here; who called whom is lost.',
    fix: 'Never forward the caller’s token; use credentials of the server’s own upstream.',
    clauses: [practice('Token Passthrough'), mcp('basic/authorization', 'Access Token Privilege Restriction')],
    ids: 'MCP01 MCP07 NHI9 CWE-441 CWE-522',
  },
  {
    of: 'changed-at-token left-out-at-token changed-at-refresh',
    why: 'Consent for one server brings a token for another.',
    fix: 'Give tokens for resources of the grant alone; others are invalid_target.',
    clauses: [rfc(8707, '2.2')],
    ids: 'MCP07 MCP02 CWE-863',
  },
]

import { mcp, rfc } from '../knowledge.ts'
import type { Advice } from './advice.ts'

export const ADVICE: readonly Advice[] = [
  {
    of: 'status',
    why: 'Clients that hear anything but 401 do not begin a login; what they do instead is up to them.',
    fix: 'Answer 401 to every request without a token.',
    clauses: [rfc(6750, '3.1'), mcp('basic/authorization', 'Error Handling')],
    ids: 'MCP07 CWE-287',
  },
  {
    of: 'bearer',
    why: 'Without a Bearer challenge clients cannot know that a token would help.',
    fix: 'Send WWW-Authenticate: Bearer with every 401.',
    clauses: [rfc(6750, '3'), rfc(9110, '11.6.1')],
    ids: 'MCP07 CWE-287',
  },
  {
    of: 'resource-metadata step-up-metadata',
    why: 'Clients guess where to log in, or ask at an address that somebody else chose.',
    fix: 'Put resource_metadata="…" into every Bearer challenge.',
    clauses: [rfc(9728, '5.1')],
    ids: 'MCP07 CWE-346',
  },
  {
    of: 'no-error',
    why: 'Clients throw away tokens that they never sent, or report a failure that is none.',
    fix: 'Leave error out where no token came.',
    clauses: [rfc(6750, '3.1')],
    ids: 'MCP07',
  },
  {
    of: 'scope step-up-scope',
    why: 'Clients ask for everything, because nobody told them what is enough.',
    fix: 'Name the least scope that the request needs.',
    clauses: [rfc(6750, '3'), mcp('basic/authorization', 'Scope Selection')],
    ids: 'MCP02 CWE-272',
  },
  {
    of: 'no-page',
    why: 'A program reads a web page where it expects to learn what is wrong.',
    fix: 'Answer API paths without the web application’s error pages and login redirects.',
    clauses: [rfc(9110, '15.5.2')],
    ids: 'MCP07',
  },
  {
    of: 'bad-token-status bad-token-error',
    why: 'Clients keep a dead token, and people see failures instead of a login.',
    fix: 'Answer 401 with error="invalid_token" to every token that is not good.',
    clauses: [rfc(6750, '3.1'), mcp('basic/authorization', 'Error Handling')],
    ids: 'MCP07 CWE-287',
  },
  {
    of: 'step-up-status step-up-error',
    why: 'Clients cannot tell that more would be given if they asked: they fail, or ask for everything at first.',
    fix: 'Answer 403 with error="insufficient_scope" and the scope that is missing.',
    clauses: [rfc(6750, '3.1'), mcp('basic/authorization', 'Runtime Insufficient Scope')],
    ids: 'MCP02 MCP07 CWE-285',
  },
]

import { mcp, practice, rfc } from '../knowledge.ts'
import type { Advice } from './advice.ts'

export const ADVICE: readonly Advice[] = [
  {
    of: 'tool safe-call',
    why: 'A token that was given for reading deletes.',
    fix: 'Judge every call by the tool that is called, against the scopes of the token.',
    clauses: [rfc(6750, '3.1'), mcp('basic/authorization', 'Scope Challenge Handling')],
    ids: 'MCP02 ASI02 LLM06 NHI5 CWE-862',
  },
  {
    of: 'step-up-names-more',
    why: 'A client that asks for what the challenge names gets the same refusal again.',
    fix: 'Name the scope that is missing.',
    clauses: [mcp('basic/authorization', 'Runtime Insufficient Scope')],
    ids: 'MCP02',
  },
  {
    of: 'before-arguments',
    why: 'Who may not call a tool learns how it is called, and its parser is open to them.',
    fix: 'Judge scopes before arguments.',
    clauses: [mcp('basic/authorization', 'Scope Challenge Handling')],
    ids: 'MCP02 MCP10 CWE-696',
  },
  {
    of: 'header-names-other-tool headers-match-body',
    why: 'A proxy judges the headers and the server runs the body.',
    fix: 'Refuse with HeaderMismatch when headers and body differ.',
    clauses: [mcp('basic/transports/streamable-http', 'Server Validation')],
    ids: 'MCP02 MCP07 CWE-436 CWE-862',
  },
  {
    of: 'more-than-asked wider-at-refresh',
    why: 'A client gets more than a person agreed to.',
    fix: 'Give at most what was asked for, and at refresh at most what was given.',
    clauses: [rfc(6749, '3.3'), rfc(6749, '6')],
    ids: 'MCP02 NHI5 CWE-269',
  },
  {
    of: 'other-persons-things other-persons-task other-persons-round',
    why: 'One person reads, or goes on with, what belongs to another.',
    fix: 'Keep the owner with every resource, task and round, and compare with the token’s subject.',
    clauses: [practice('Session Hijacking')],
    ids: 'MCP10 ASI03 CWE-639',
  },
]

import { practice, rfc } from '../knowledge.ts'
import type { Advice } from './advice.ts'

export const ADVICE: readonly Advice[] = [
  {
    of: 'found json',
    why: 'Clients cannot find out who gives tokens for this server, and fall back to guessing at its own origin.',
    fix: 'Serve the document as JSON at /.well-known/oauth-protected-resource followed by the path of the endpoint.',
    clauses: [rfc(9728, '3.1'), rfc(9728, '3.2')],
    ids: 'MCP07',
  },
  {
    of: 'no-redirect',
    why: 'Whoever controls where it leads says which authorization server is trusted.',
    fix: 'Answer at the well-known address itself.',
    clauses: [rfc(9728, '3.2')],
    ids: 'MCP07 CWE-601',
  },
  {
    of: 'media-type',
    why: 'Strict clients refuse it.',
    fix: 'Send Content-Type: application/json.',
    clauses: [rfc(9728, '3.2')],
    ids: 'MCP07',
  },
  {
    of: 'cors',
    why: 'Clients in a browser cannot read it, and ask their users to turn checks off.',
    fix: 'Send Access-Control-Allow-Origin: * with this document alone: it is public.',
    clauses: [rfc(9728, '3.1')],
    ids: 'MCP07',
  },
  {
    of: 'resource',
    why: 'Clients ask for tokens for something else, and a document of one server is taken for another’s.',
    fix: 'Say the exact URL that people give to their clients.',
    clauses: [rfc(9728, '3.3'), rfc(8707, '2')],
    ids: 'MCP07 CWE-346',
  },
  {
    of: 'authorization-servers',
    why: 'Clients do not know where to log in.',
    fix: 'Name each authorization server in authorization_servers.',
    clauses: [rfc(9728, '2')],
    ids: 'MCP07',
  },
  {
    of: 'authorization-servers-https',
    why: 'Whoever sits on the way plays the authorization server and gets passwords and codes.',
    fix: 'Name https issuers alone.',
    clauses: [rfc(9728, '2'), rfc(8414, '2')],
    ids: 'MCP07 CWE-319',
  },
  {
    of: 'bearer-methods',
    why: 'Tokens in URLs end in logs, histories and Referer headers.',
    fix: 'Take tokens in the Authorization header and say so: ["header"].',
    clauses: [rfc(9728, '2'), rfc(6750, '5.3')],
    ids: 'MCP01 CWE-598',
  },
  {
    of: 'scopes',
    why: 'Clients that ask for what is advertised get a token for everything.',
    fix: 'Advertise particular scopes; keep the wide ones out of the document.',
    clauses: [rfc(9728, '2'), practice('Scope Minimization')],
    ids: 'MCP02 NHI5 CWE-272',
  },
  {
    of: 'signed',
    why: 'A signature that does not hold, or signs something else, makes clients trust what nobody vouched for.',
    fix: 'Sign the document as it is published, with a published key, or leave signed_metadata out.',
    clauses: [rfc(9728, '2.2')],
    ids: 'MCP07 CWE-347',
  },
  {
    of: 'challenged-address',
    why: 'The refusal sends clients to metadata of another origin, which then says where people log in.',
    fix: 'Let resource_metadata point at the server’s own well-known address.',
    clauses: [rfc(9728, '5.1'), rfc(9728, '7.3')],
    ids: 'MCP07 CWE-346 CWE-601',
  },
]

import { mcp, practice, rfc } from '../knowledge.ts'
import type { Advice } from './advice.ts'

export const ADVICE: readonly Advice[] = [
  {
    of: 'document-of-loopback addresses-fetched',
    why: 'A stranger makes the server ask at addresses of its own machine or network, and learns what answers.',
    fix: 'Fetch through a guard that refuses private, loopback and link-local addresses, after the name is resolved.',
    clauses: [mcp('basic/authorization', 'Client ID Metadata Documents'), rfc(7591, '5')],
    ids: 'MCP07 MCP05 CWE-918',
  },
  {
    of: 'javascript data',
    why: 'The browser runs what a stranger registered, on the authorization server’s page or in its name.',
    fix: 'Take https, http on loopback, and private schemes of installed apps alone.',
    clauses: [rfc(9700, '4.11'), rfc(7591, '5')],
    ids: 'MCP07 CWE-79 CWE-601',
  },
  {
    of: 'plain-http',
    why: 'Codes cross the network in the clear.',
    fix: 'Take http for loopback alone.',
    clauses: [rfc(9700, '2.6')],
    ids: 'MCP07 CWE-319',
  },
  {
    of: 'wildcard',
    why: 'Every host below the name gets codes, also one that is taken over or given away.',
    fix: 'Take whole URIs without patterns.',
    clauses: [rfc(9700, '2.1')],
    ids: 'MCP07 CWE-601 CWE-183',
  },
  {
    of: 'fragment userinfo',
    why: 'What is registered is not what a browser goes to, and people are shown the wrong host.',
    fix: 'Refuse redirect URIs with a fragment or a user name.',
    clauses: [rfc(6749, '3.1.2')],
    ids: 'MCP07 CWE-20',
  },
  {
    of: 'no-redirect',
    why: 'Any address is the client’s.',
    fix: 'Refuse registrations for the code flow without a redirect URI.',
    clauses: [rfc(7591, '2'), rfc(9700, '2.1')],
    ids: 'MCP07 CWE-601',
  },
  {
    of: 'client-credentials',
    why: 'A stranger registers and gets a token at once, without any person.',
    fix: 'Give client_credentials to clients that an operator has set up.',
    clauses: [rfc(7591, '5'), rfc(6749, '4.4')],
    ids: 'MCP07 NHI4 NHI5 CWE-306',
  },
  {
    of: 'readable',
    why: 'Whoever knows a client’s id reads its registration, and perhaps its secret.',
    fix: 'Ask for the registration access token.',
    clauses: [rfc(7592, '2.1')],
    ids: 'MCP07 CWE-306 CWE-200',
  },
  {
    of: 'deletable',
    why: 'Clients that nobody uses stay, and each is one more name to imitate.',
    fix: 'Offer deletion (RFC 7592), and forget clients that are not used.',
    clauses: [rfc(7592, '2.3')],
    ids: 'MCP09 NHI1',
  },
  {
    of: 'consent',
    why: 'A link of an attacker’s client brings a code of somebody who is logged in and never agreed (confused deputy).',
    fix: 'Show a page of consent for each client, whatever the browser’s session or an upstream has agreed to before.',
    clauses: [practice('Confused Deputy')],
    ids: 'MCP07 ASI03 CWE-441 CWE-1021',
  },
  {
    of: 'throttled',
    why: 'A stranger fills the store with clients, and queues with work.',
    fix: 'Limit registrations by address and in all.',
    clauses: [rfc(7591, '5')],
    ids: 'MCP07 CWE-770',
  },
]

import type { Audit } from '../audit.ts'
import { watchLoopback } from '../canary.ts'
import { isLoopback } from '../exchange/address-guard.ts'
import { isSuccess } from '../exchange/answer.ts'
import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import { tokensOf } from '../login/tokens.ts'
import {
  type Check,
  fail,
  inconclusive,
  notApplicable,
  notTested,
  type Outcome,
  type Probe,
  pass,
  warn,
} from '../probe.ts'

const clauses = [
  rfc(7591, '5'),
  rfc(7592, '2'),
  rfc(9700, '4.15'),
  mcp('basic/authorization', 'Dynamic Client Registration'),
]
/** More than any person needs within a minute. */
const REGISTRATIONS = 30

/** Who may become a client, and what somebody must say yes to. */
export const registration: Check = {
  number: 7,
  slug: 'registration',
  title: 'Registration is governed, and people consent to each client',
  rationale:
    'Registration is open to strangers: what they register is where codes go, and what people are asked to trust.',
  clauses,
  weight: 9,
  why: 'A stranger registers an address of their own and gets codes of people who never agreed to it.',
  fixes: [
    any(
      'Take https, and http on loopback; refuse scripts, patterns and fragments; limit how many register; ask people for each client.',
    ),
    fix('oidc-provider', 'Register behind a policy, and show a consent page for each new client.'),
  ],
  references: references(clauses, 'MCP07', 'MCP09', 'ASI03', 'NHI4', 'CWE-1021', 'CWE-601', 'CWE-770'),
  excuse: ({ logins }) =>
    logins.endpoint('registration') === null && !takesDocuments(logins) ? 'clients do not register themselves' : null,
  probes: [
    {
      name: 'document-of-loopback',
      promise: 'the address of a client document inside is not fetched',
      problem: 'A stranger has the server fetch addresses of its own machine, as the document of a client',
      severity: 'high',
      run: async (audit) => {
        if (audit.logins.endpoint('registration') === null && !takesDocuments(audit.logins))
          return notApplicable('strangers do not become clients')
        if (!isLoopback(new URL(audit.target.url).hostname)) return notTested('only a server on this machine is tried')
        if (audit.logins.endpoint('authorization') === null) return notApplicable('there is no authorization endpoint')
        const visits = await watchLoopback(audit, async (address) => {
          const client = {
            id: `https://${address}/client.json`,
            secret: null,
            redirectUri: 'http://127.0.0.1/callback',
          }
          const { url } = audit.logins.authorization({ ...client, registration: null })
          await audit.ask({ method: 'GET', url, headers: [['accept', 'text/html']] })
        })
        return judgeVisits(visits)
      },
    },
    {
      name: 'addresses-fetched',
      promise: 'addresses inside that a registration names are not fetched',
      problem: 'A registration has the server fetch addresses of its own machine',
      severity: 'high',
      need: 'write',
      run: async (audit) => {
        if (!isLoopback(new URL(audit.target.url).hostname)) return notTested('only a server on this machine is tried')
        const visits = await watchLoopback(audit, async (address) => {
          for (const scheme of ['https', 'http'])
            await audit.logins.register(
              Object.fromEntries(ADDRESSES.map((name) => [name, `${scheme}://${address}/${name}`])),
            )
        })
        return judgeVisits(visits)
      },
    },
    refuses('javascript', ['javascript:alert(1)'], 'a redirect URI that is a script', 'critical'),
    refuses('data', ['data:text/html,sallyport-audit'], 'a redirect URI that is data', 'critical'),
    refuses('plain-http', ['http://client.sallyport-audit.example/callback'], 'a redirect URI without TLS', 'high'),
    refuses('wildcard', ['https://*.sallyport-audit.example/callback'], 'a redirect URI that is a pattern', 'high'),
    refuses(
      'fragment',
      ['https://client.sallyport-audit.example/callback#more'],
      'a redirect URI with a fragment',
      'medium',
    ),
    refuses(
      'userinfo',
      ['https://user@client.sallyport-audit.example/callback'],
      'a redirect URI with a user name',
      'medium',
    ),
    refuses('no-redirect', [], 'no redirect URI at all', 'medium'),
    {
      name: 'client-credentials',
      promise: 'whoever registers gets no tokens for itself',
      problem: 'Whoever registers gets tokens without any person',
      severity: 'critical',
      need: 'write',
      run: async (audit) => {
        const { client } = await audit.logins.register({
          grant_types: ['client_credentials'],
          token_endpoint_auth_method: 'client_secret_basic',
          redirect_uris: ['http://127.0.0.1/callback'],
        })
        if (client === null) return pass('refused')
        const scope = audit.logins.allScopes.join(' ')
        const answer = await audit.logins.postToken(
          { grant_type: 'client_credentials', scope, resource: audit.target.url },
          client,
        )
        return tokensOf(answer, client) === null ? pass(`no token: ${answer.status}`) : fail('a token was given')
      },
    },
    managed(
      'readable',
      'a client is shown to nobody but itself',
      'Anybody can read a registration',
      async (audit, url) => {
        const answer = await audit.ask({ method: 'GET', url, headers: [] })
        return isSuccess(answer) && answer.text.includes('redirect_uris')
          ? fail(`${answer.status}`)
          : pass(`${answer.status}`)
      },
    ),
    {
      name: 'deletable',
      promise: 'a client that is deleted is gone',
      problem: 'A client that was deleted is still known',
      severity: 'low',
      need: 'write',
      run: async (audit) => {
        const { client } = await audit.logins.register()
        if (client === null) return inconclusive('no client could be registered')
        const answer = await audit.logins.forget(client)
        if (answer === null || !isSuccess(answer)) return warn('a registration can not be deleted (RFC 7592)')
        audit.logins.isForgotten(client)
        const { url } = audit.logins.authorization(client)
        const after = await audit.ask({ method: 'GET', url, headers: [] })
        return after.status >= 400 ? pass(`${after.status}`) : fail(`its requests are still taken up: ${after.status}`)
      },
    },
    {
      name: 'consent',
      promise: 'a new client is consented to, however well the browser is known',
      problem: 'A new client gets a code without anybody being asked',
      severity: 'critical',
      need: 'login',
      run: consent,
    },
    {
      name: 'throttled',
      promise: 'registrations from one place are limited',
      problem: 'Registrations are not limited',
      severity: 'low',
      need: 'write',
      isLast: true,
      run: throttled,
    },
  ],
}

/** RFC 7591 §2, OpenID Connect Dynamic Client Registration 1.0 §2: members that servers have a reason to look at. */
const ADDRESSES = [
  'logo_uri',
  'client_uri',
  'policy_uri',
  'tos_uri',
  'jwks_uri',
  'sector_identifier_uri',
  'initiate_login_uri',
]

/** The target is on this machine itself, where it may have been told to trust it: advice, and worth a look elsewhere. */
function judgeVisits(visits: number): Outcome {
  return visits === 0 ? pass('nobody came') : warn(`${visits} connections to a port of this machine`)
}

function takesDocuments({ metadata }: Audit['logins']): boolean {
  return metadata['client_id_metadata_document_supported'] === true
}

function refuses(name: string, redirectUris: readonly string[], what: string, severity: Probe['severity']): Probe {
  return {
    name,
    promise: `${what} is refused`,
    problem: `A client with ${what} is registered`,
    severity,
    need: 'write',
    run: async (audit) => {
      const isWeb = redirectUris[0]?.startsWith('http') === true
      const { answer, client } = await audit.logins.register({
        redirect_uris: redirectUris,
        application_type: isWeb ? 'web' : 'native',
      })
      if (client === null) return answer.status === 429 ? inconclusive('429') : pass(`${answer.status}`)
      // A server may take the rest of a registration and leave out what it does not like (RFC 7591 §3.2.1).
      const kept = answer.text.includes(JSON.stringify(redirectUris[0] ?? 'redirect_uris').slice(1, -1))
      return redirectUris.length > 0 && !kept ? pass('registered without it') : fail('registered')
    },
  }
}

function managed(
  name: string,
  promise: string,
  problem: string,
  judge: (audit: Audit, url: string) => Promise<Outcome>,
): Probe {
  return {
    name,
    promise,
    problem,
    severity: 'medium',
    need: 'write',
    run: async (audit) => {
      const { client } = await audit.logins.register()
      return client?.registration == null
        ? notApplicable('a registration has no address')
        : judge(audit, client.registration.url)
    },
  }
}

/** The confused deputy: the browser is logged in and knows one client; another one asks, and nobody clicks anything. */
async function consent(audit: Audit): Promise<Outcome> {
  if (audit.options.people.length === 0) return notApplicable('nobody is there to be asked')
  // Whoever has these has logged in with the browser that is asked now.
  await audit.logins.full(0)
  const { client } = await audit.logins.register({ client_name: 'sallyport-audit second client' })
  if (client === null) return inconclusive('no second client could be registered')
  const { url } = audit.logins.authorization(client)
  const end = await audit.logins.person(0).authorize(url, { isHandsOff: true })
  if (end === null) return inconclusive('nobody said whether a page came')
  if (end === 'page') return pass('a page asks first')
  return end.searchParams.has('code') ? fail('a code came at once') : pass(end.searchParams.get('error') ?? 'no code')
}

async function throttled(audit: Audit): Promise<Outcome> {
  for (let count = 0; count < REGISTRATIONS; count += 1) {
    const { answer, client } = await audit.logins.register()
    if (answer.status === 429) return pass(`429 after ${count}`)
    if (client === null) return count === 0 ? inconclusive(`${answer.status}`) : pass(`${answer.status} after ${count}`)
    await audit.logins.forget(client)
    audit.logins.isForgotten(client)
  }
  return warn(`${REGISTRATIONS} in a row were taken`)
}

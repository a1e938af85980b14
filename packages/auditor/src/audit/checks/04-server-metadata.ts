import type { Audit } from '../audit.ts'
import { isLoopback } from '../exchange/address-guard.ts'
import { headerOf, objectOf, textsOf } from '../exchange/answer.ts'
import { any, fix, references, rfc } from '../knowledge.ts'
import { type Check, fail, notApplicable, type Outcome, type Probe, pass, warn } from '../probe.ts'
import { readKeys } from './read-keys.ts'
import { signedMetadata } from './signed-metadata.ts'

const clauses = [rfc(8414, '2'), rfc(8414, '3.3'), rfc(9207, '3'), rfc(7517, '4'), rfc(9700, '2.1.2')]

/** RFC 8414: the authorization server, its endpoints, and the keys that its tokens are checked with. */
export const serverMetadata: Check = {
  number: 4,
  slug: 'server-metadata',
  title: 'The authorization server metadata and its keys are in order',
  rationale: 'Clients and resource servers believe this document; what it offers is what attackers try first.',
  clauses,
  weight: 5,
  why: 'Codes and tokens go to somebody else, are made in ways that leak them, or can be forged.',
  fixes: [
    any(
      'Publish exactly the issuer, https endpoints, `code` alone, and public keys of at least 2048 bits (RSA) with a kid each.',
    ),
    fix('oidc-provider', "responseTypes: ['code'], and jwks with asymmetric keys"),
    fix('Keycloak', 'Turn off implicit flow and direct access grants for every client.'),
  ],
  references: references(clauses, 'MCP07', 'MCP01', 'ASI03', 'NHI4', 'CWE-346', 'CWE-327'),
  excuse: ({ target, options }) =>
    options.isPublic || (target.refusal === null && target.resource === null) ? 'the server asks for no token' : null,
  probes: [
    {
      name: 'found',
      promise: 'the metadata is where clients look for it',
      problem: 'There is no authorization server metadata',
      severity: 'medium',
      run: async ({ target }) => {
        if (target.authorizationServer === null && target.resource === null)
          return notApplicable('no authorization server is named')
        const found = target.authorizationServer?.documents.find(({ value }) => value !== null)
        return found === undefined ? fail('nothing at any of the well-known addresses') : pass(found.url)
      },
    },
    onMetadata(
      'media-type',
      'the metadata says that it is JSON',
      'The metadata does not say that it is JSON',
      'low',
      (_, { target }) => {
        const answer = target.authorizationServer?.document.answer
        const type = answer === undefined ? null : headerOf(answer, 'content-type')
        return type?.startsWith('application/json') ? pass('application/json') : fail(type ?? 'no media type')
      },
    ),
    onMetadata(
      'issuer',
      'the issuer is the one that was asked',
      'The metadata is of another issuer',
      'high',
      ({ issuer }, { target }) => {
        const { identifier = '' } = target.authorizationServer ?? {}
        return issuer === identifier
          ? pass(identifier)
          : fail(`${JSON.stringify(issuer) ?? 'no issuer'} instead of ${identifier}`)
      },
    ),
    onMetadata(
      'endpoints-tls',
      'every endpoint is reached over https',
      'An endpoint is reached without TLS',
      'high',
      (value, { target }) => {
        const isTls = target.url.startsWith('https:')
        const bad = endpointsOf(value).find(
          ([, url]) => url.protocol !== 'https:' && (isTls || !isLoopback(url.hostname)),
        )
        return bad === undefined ? pass('https') : fail(`${bad[0]} is ${bad[1].origin}`)
      },
    ),
    onMetadata(
      'response-types',
      'tokens are never given in the front channel',
      'The implicit flow is advertised',
      'medium',
      ({ response_types_supported: types }) => {
        const bad = textsOf(types).filter((type) => type.split(' ').includes('token'))
        return bad.length === 0 ? pass('code alone') : fail(bad.join(', '))
      },
    ),
    onMetadata(
      'grant-types',
      'no grant hands over passwords or tokens in the clear',
      'A grant type of the past is advertised',
      'medium',
      ({ grant_types_supported: types }) => {
        const bad = textsOf(types).filter((type) => type === 'password' || type === 'implicit')
        return bad.length === 0 ? pass('none') : fail(bad.join(', '))
      },
    ),
    onMetadata(
      'iss-parameter',
      'authorization responses say who they are from',
      'Authorization responses do not say who they are from',
      'low',
      (value) =>
        value['authorization_response_iss_parameter_supported'] === true
          ? pass('supported')
          : warn('not advertised (RFC 9207)'),
    ),
    onMetadata('algorithm-none', 'nothing unsigned is offered', 'The algorithm `none` is offered', 'high', (value) => {
      const bad = Object.entries(value).find(
        ([name, list]) => name.includes('_alg_values_') && [list].flat().includes('none'),
      )
      return bad === undefined ? pass('not offered') : fail(bad[0])
    }),
    onMetadata('revocation', 'tokens can be given back', 'There is no revocation endpoint', 'low', (value) =>
      typeof value['revocation_endpoint'] === 'string' ? pass('offered') : warn('no revocation_endpoint (RFC 7009)'),
    ),
    onMetadata(
      'introspection',
      'resource servers can ask about a token',
      'There is no introspection endpoint',
      'low',
      (value) =>
        typeof value['introspection_endpoint'] === 'string'
          ? pass('offered')
          : warn('no introspection_endpoint (RFC 7662)'),
    ),
    onMetadata(
      'endpoints-host',
      'every endpoint is of the issuer or of the resource',
      'An endpoint is of a third host',
      'low',
      (value, { target }) => {
        // RFC 8414 §2 allows other hosts, and some large providers have them; whoever did not mean it should hear of it.
        const own = new Set([target.url, value['issuer']].map((url) => URL.parse(String(url))?.hostname))
        const foreign = endpointsOf(value).find(([, url]) => !own.has(url.hostname))
        return foreign === undefined ? pass('no third host') : warn(`${foreign[0]} is at ${foreign[1].host}`)
      },
    ),
    signedMetadata(
      'The signed authorization server metadata is not what it says',
      ({ target }) => target.authorizationServer?.document.value ?? null,
      'issuer',
    ),
    {
      name: 'keys-for-algorithms',
      promise: 'there is a key for every algorithm that is offered',
      problem: 'An algorithm is offered for which there is no key',
      severity: 'low',
      run: async (audit) => {
        const offered = textsOf(audit.logins.metadata['id_token_signing_alg_values_supported'])
        const keys = await readKeys(audit)
        if (keys === null || keys.length === 0) return notApplicable('there is no key set')
        const without = offered.filter((alg) => isAsymmetric(alg) && !keys.some((key) => fitsAlgorithm(key, alg)))
        return without.length === 0 ? pass('a key for each') : fail(without.join(', '))
      },
    },
    onKeys(
      'keys-present',
      'there is a key to check tokens with',
      'There is no key to check tokens with',
      'medium',
      (keys) => (keys.length > 0 ? pass(`${keys.length}`) : fail('the key set is empty')),
    ),
    onKeys('keys-private', 'no private key is published', 'A private key is published', 'critical', (keys) =>
      keys.some((key) => ['d', 'p', 'q', 'dp', 'dq', 'qi'].some((name) => name in key))
        ? fail('a key has private members')
        : pass('public members alone'),
    ),
    onKeys('keys-shared', 'no shared secret is published', 'A symmetric key is published', 'critical', (keys) =>
      keys.some(({ kty, k }) => kty === 'oct' || k !== undefined) ? fail('a key of type oct') : pass('none'),
    ),
    onKeys('keys-size', 'keys are long enough', 'An RSA key is shorter than 2048 bits', 'high', (keys) => {
      const short = keys
        .map(({ kty, n }) => (kty === 'RSA' && typeof n === 'string' ? Buffer.from(n, 'base64url').length * 8 : 4096))
        .filter((bits) => bits < 2048)
      return short.length === 0 ? pass('long enough') : fail(`${short.join(', ')} bits`)
    }),
    onKeys('keys-unique', 'each key has a name of its own', 'Two keys have the same kid', 'medium', (keys) => {
      const kids = keys.flatMap(({ kid }) => (typeof kid === 'string' ? [kid] : []))
      return new Set(kids).size === kids.length ? pass('unique') : fail('the same kid twice')
    }),
    {
      name: 'implicit-refused',
      promise: 'asking for a token in the front channel is refused',
      problem: 'The implicit flow is answered',
      severity: 'high',
      need: 'write',
      run: async (audit) => {
        const { url } = audit.logins.authorization(await audit.logins.client(), { response_type: 'token' })
        const answer = await audit.ask({ method: 'GET', url, headers: [] })
        const location = URL.parse(headerOf(answer, 'location') ?? '', url)
        const error = location?.searchParams.get('error') ?? new URLSearchParams(location?.hash.slice(1)).get('error')
        if (error !== null || answer.status >= 400) return pass(error ?? `${answer.status}`)
        return fail('the request is taken up')
      },
    },
    {
      name: 'password-refused',
      promise: 'the password grant is refused',
      problem: 'The password grant is answered',
      severity: 'high',
      run: async (audit) => {
        if (audit.logins.endpoint('token') === null) return notApplicable('there is no token endpoint')
        const client = audit.options.mayWrite ? await audit.logins.client().catch(() => null) : null
        const fields = {
          grant_type: 'password',
          username: 'sallyport-audit',
          password: 'sallyport-audit',
          client_id: 'sallyport-audit',
        }
        const answer = await audit.logins.postForm('token', fields, client)
        const [error] = textsOf(objectOf(answer)?.['error'])
        if (error === 'invalid_grant' || answer.status === 200)
          return fail(`answered with ${answer.status} ${error ?? 'a token'}`)
        return pass(`${answer.status} ${error ?? ''}`)
      },
    },
  ],
}

type Severity = Probe['severity']

const KEY_TYPES: Readonly<Record<string, string>> = { RS: 'RSA', PS: 'RSA', ES: 'EC', Ed: 'OKP' }

/** RFC 7518 §3.1: those with a key pair. */
function isAsymmetric(alg: string): boolean {
  return /^(?:[RPE]S(?:256|384|512)|EdDSA|Ed25519)$/.test(alg)
}

function fitsAlgorithm({ kty, alg, use, crv }: Readonly<Record<string, unknown>>, wanted: string): boolean {
  if (use === 'enc' || kty !== KEY_TYPES[wanted.slice(0, 2)]) return false
  if (typeof alg === 'string' && alg !== wanted) return false
  return !wanted.startsWith('ES') || crv === { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[wanted]
}

function onMetadata(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: (value: Readonly<Record<string, unknown>>, audit: Audit) => Outcome,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    run: async (audit) => {
      const value = audit.target.authorizationServer?.document.value
      return value == null ? notApplicable('there is none') : judge(value, audit)
    },
  }
}

function onKeys(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: (keys: readonly Readonly<Record<string, unknown>>[]) => Outcome,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    run: async (audit) => {
      const keys = await readKeys(audit)
      if (keys === null) return notApplicable('there is no key set')
      return keys.length === 0 && name !== 'keys-present' ? notApplicable('the key set is empty') : judge(keys)
    },
  }
}

function endpointsOf(value: Readonly<Record<string, unknown>>): [string, URL][] {
  return Object.entries(value).flatMap(([name, url]): [string, URL][] => {
    const parsed = /_endpoint$|^jwks_uri$/.test(name) && typeof url === 'string' ? URL.parse(url) : null
    return parsed === null ? [] : [[name, parsed]]
  })
}

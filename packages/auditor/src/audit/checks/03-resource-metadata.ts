import { isLoopback } from '../exchange/address-guard.ts'
import { headerOf, textsOf } from '../exchange/answer.ts'
import { any, fix, references, rfc } from '../knowledge.ts'
import { type Check, fail, notApplicable, type Outcome, type Probe, pass, warn } from '../probe.ts'
import type { Document, Target } from '../target/discover.ts'
import { signedMetadata } from './signed-metadata.ts'

const clauses = [rfc(9728, '2'), rfc(9728, '3.1'), rfc(9728, '3.3')]

/** RFC 9728: the resource says who it is, and who may give tokens for it. */
export const resourceMetadata: Check = {
  number: 3,
  slug: 'resource-metadata',
  title: 'The protected resource metadata is valid and bound to the resource',
  rationale: 'Clients ask for tokens for what the document calls itself, at the servers that it names.',
  clauses,
  weight: 5,
  why: 'A client is led to another authorization server, or asks for a token that is for something else.',
  fixes: [
    any('Serve /.well-known/oauth-protected-resource<path> as JSON with the exact URL of the endpoint as `resource`.'),
    fix('TypeScript SDK', 'app.use(mcpAuthMetadataRouter({ oauthMetadata, resourceServerUrl }))'),
  ],
  references: references(clauses, 'MCP07', 'ASI03', 'CWE-346'),
  excuse: ({ target, options }) =>
    options.isPublic || (target.refusal === null && target.resource === null) ? 'the server asks for no token' : null,
  probes: [
    {
      name: 'found',
      promise: 'the metadata is where clients look for it',
      problem: 'There is no protected resource metadata',
      severity: 'medium',
      run: async ({ target }) => {
        const found = target.resourceDocuments.find(({ answer }) => answer.status === 200)
        const redirected = target.resourceDocuments.some(({ answer }) => answer.status >= 300 && answer.status < 400)
        if (found === undefined && redirected) return notApplicable('it is a redirect')
        return found === undefined ? fail('404 at every place') : pass(found.url)
      },
    },
    onDocument(
      'no-redirect',
      'the metadata is not elsewhere',
      'The metadata leads to another place',
      'medium',
      ({ answer }) =>
        answer.status >= 300 && answer.status < 400
          ? fail(`${answer.status} to ${headerOf(answer, 'location') ?? 'nowhere'}`)
          : pass('no redirect'),
    ),
    onFound('json', 'the metadata is a JSON object', 'The metadata is not a JSON object', 'medium', ({ value }) =>
      value === null ? fail('not a JSON object') : pass('a JSON object'),
    ),
    onFound(
      'media-type',
      'the metadata says that it is JSON',
      'The metadata does not say that it is JSON',
      'low',
      ({ answer }) =>
        headerOf(answer, 'content-type')?.startsWith('application/json')
          ? pass('application/json')
          : fail(headerOf(answer, 'content-type') ?? 'no media type'),
    ),
    onFound(
      'cors',
      'pages may read the metadata',
      'The metadata can not be read by clients in a browser',
      'low',
      ({ answer }) =>
        headerOf(answer, 'access-control-allow-origin') === null
          ? warn('no Access-Control-Allow-Origin')
          : pass('readable'),
    ),
    onValue(
      'resource',
      'the metadata is of this very resource',
      'The metadata is of another resource',
      'high',
      (value, target) => {
        const { resource } = value
        if (resource === target.url) return pass('the same URL')
        const isSlash = typeof resource === 'string' && resource.replace(/\/$/, '') === target.url.replace(/\/$/, '')
        return isSlash
          ? warn('the URLs differ by the slash at their end')
          : fail(`it says ${JSON.stringify(resource) ?? 'nothing'}`)
      },
    ),
    onValue(
      'authorization-servers',
      'an authorization server is named',
      'No authorization server is named',
      'medium',
      ({ authorization_servers: servers }) =>
        Array.isArray(servers) && servers.length > 0
          ? pass(`${servers.length}`)
          : fail('authorization_servers is missing or empty'),
    ),
    onValue(
      'authorization-servers-https',
      'every authorization server is reached over https',
      'An authorization server is named without https',
      'high',
      ({ authorization_servers: servers }) => {
        const bad = [servers].flat().find((one) => !isSafeUrl(one))
        return bad === undefined || servers === undefined ? pass('https') : fail(JSON.stringify(bad))
      },
    ),
    onValue(
      'bearer-methods',
      'tokens come in the header alone',
      'Tokens are taken from elsewhere than the header',
      'medium',
      ({ bearer_methods_supported: methods }) => {
        const other = textsOf(methods).filter((one) => one !== 'header')
        return other.length === 0 ? pass('header') : fail(other.join(', '))
      },
    ),
    onValue(
      'scopes',
      'the scopes that are named are few and particular',
      'A scope for everything is advertised',
      'medium',
      ({ scopes_supported: scopes }) => {
        const wide = textsOf(scopes).filter(
          (one) => typeof one === 'string' && /^(?:\*|all|admin|root|full[_-]?access|.*:\*)$/i.test(one),
        )
        return wide.length === 0 ? pass('no scope for everything') : fail(wide.join(', '))
      },
    ),
    signedMetadata(
      'The signed resource metadata is not what it says',
      ({ target }) => target.resourceDocuments.find(({ value }) => value !== null)?.value ?? null,
      'resource',
    ),
    {
      name: 'challenged-address',
      promise: 'the challenge leads to metadata of the same server',
      problem: 'The challenge leads to metadata elsewhere',
      severity: 'high',
      run: async ({ target }) => {
        const { challengedMetadataUrl: url } = target
        if (url === null) return notApplicable('the challenge names no metadata')
        return URL.parse(url)?.origin === new URL(target.url).origin ? pass('the same origin') : fail(url)
      },
    },
  ],
}

type Severity = Probe['severity']

function onDocument(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: (document: Document) => Outcome,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    run: async ({ target }) => {
      const document = target.resourceDocuments.find(({ answer }) => answer.status >= 200 && answer.status < 400)
      return document === undefined ? notApplicable('there is none') : judge(document)
    },
  }
}

function onFound(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: (document: Document) => Outcome,
): Probe {
  return onDocument(name, promise, problem, severity, (document) =>
    document.answer.status === 200 ? judge(document) : notApplicable('it is a redirect'),
  )
}

function onValue(
  name: string,
  promise: string,
  problem: string,
  severity: Severity,
  judge: (value: Readonly<Record<string, unknown>>, target: Target) => Outcome,
): Probe {
  return {
    name,
    promise,
    problem,
    severity,
    run: async ({ target }) => {
      const document = target.resourceDocuments.find(({ value }) => value !== null)
      return document?.value == null ? notApplicable('there is none') : judge(document.value, target)
    },
  }
}

function isSafeUrl(value: unknown): boolean {
  const url = typeof value === 'string' ? URL.parse(value) : null
  return url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)))
}

import { html, json, type Part } from '../http.ts'
import { signJwt } from '../keys.ts'
import { type Resource, SCOPES, type Site } from '../site.ts'

/** RFC 9728: one document for each resource, at its path-inserted well-known address. */
export function resourceMetadataPart(site: Site): Part {
  const documents = new Map(
    site.resources.map((resource) => [`/.well-known/oauth-protected-resource${resource.path}`, resource]),
  )
  return async ({ method, path }) => {
    const resource = documents.get(path)
    if (resource === undefined || (method !== 'GET' && method !== 'HEAD') || site.flawed('resource-metadata-missing'))
      return null
    const document = await signed(site, describe(site, resource))
    if (site.flawed('resource-metadata-as-html')) return html(200, 'metadata', JSON.stringify(document))
    if (site.flawed('resource-metadata-not-json'))
      return { status: 200, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(document)},` }
    if (site.flawed('resource-metadata-elsewhere'))
      return { status: 302, headers: { location: `http://metadata.example.net${path}` } }
    return json(
      200,
      document,
      site.flawed('resource-metadata-without-cors') ? {} : { 'access-control-allow-origin': '*' },
    )
  }
}

/** RFC 9728 §2.2: what the plain members say, signed. */
async function signed(site: Site, document: Record<string, unknown>): Promise<Record<string, unknown>> {
  const claims: Record<string, unknown> = { ...document, iss: site.origin }
  if (site.flawed('resource-metadata-signed-for-another')) claims['resource'] = 'https://mcp.example.net/mcp'
  const jwt = await signJwt(site.keys, 'JWT', claims)
  const [header = '', payload = '', signature = ''] = jwt.split('.')
  if (site.flawed('resource-metadata-signed-by-nobody'))
    return { ...document, signed_metadata: `${encode({ alg: 'none' })}.${payload}.` }
  if (site.flawed('resource-metadata-signed-by-another'))
    return { ...document, signed_metadata: `${header}.${payload}.${[...signature].toReversed().join('')}` }
  return { ...document, signed_metadata: jwt }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function describe(site: Site, { url }: Resource): Record<string, unknown> {
  const flawed = site.flawed.bind(site)
  const wrong = flawed('resource-of-another-host')
    ? 'https://mcp.example.net/mcp'
    : flawed('resource-is-the-origin')
      ? site.origin
      : flawed('resource-with-fragment')
        ? `${url}#mcp`
        : url
  const servers = flawed('no-authorization-servers') ? [] : [site.issuer]
  if (flawed('authorization-server-without-tls')) servers.push('http://login.example.net')
  return {
    resource: wrong,
    authorization_servers: servers,
    scopes_supported: flawed('scopes-with-wildcard') ? [...SCOPES, '*'] : SCOPES,
    bearer_methods_supported: flawed('bearer-in-query-advertised') ? ['header', 'query'] : ['header'],
    resource_name: 'Notes',
  }
}

import { html, json, type Reply } from '../http.ts'
import { LEAST_SCOPE, metadataUrl, type Resource, type Site } from '../site.ts'

/** 401 and 403 as RFC 6750 §3 and RFC 9728 §5.1 have them. `error` is null where no token came. */
export function challenge(site: Site, resource: Resource, error: 'invalid_token' | null): Reply {
  const flawed = site.flawed.bind(site)
  if (error === null) {
    if (flawed('challenge-redirects')) return { status: 302, headers: { location: `${site.issuer}/authorize` } }
    if (flawed('challenge-is-404')) return json(404, { error: 'not found' })
    if (flawed('challenge-is-403')) return json(403, { error: 'forbidden' })
    if (flawed('challenge-is-500')) return json(500, { error: 'internal error' })
  } else {
    if (flawed('bad-token-is-400')) return json(400, { error })
    if (flawed('bad-token-is-403')) return json(403, { error })
  }
  const parameters = [
    `resource_metadata="${flawed('challenge-to-elsewhere') ? 'https://metadata.example.net/prm' : metadataUrl(site, resource)}"`,
    `scope="${LEAST_SCOPE}"`,
  ]
  if (flawed('challenge-without-metadata')) parameters.shift()
  if (flawed('challenge-without-scope')) parameters.pop()
  if ((error !== null && !flawed('bad-token-without-error')) || flawed('challenge-with-error'))
    parameters.unshift('error="invalid_token"')
  if (flawed('challenge-basic'))
    return json(401, { error: 'unauthorized' }, { 'www-authenticate': 'Basic realm="notes"' })
  if (flawed('challenge-missing')) return json(401, { error: 'unauthorized' })
  const headers = { 'www-authenticate': `Bearer ${parameters.join(', ')}`, 'cache-control': 'no-store' }
  if (flawed('challenge-as-html') && error === null) return html(401, 'Sign in', '<p>Please sign in.</p>', headers)
  return json(401, { error: error ?? 'unauthorized' }, headers)
}

/** RFC 6750 §3.1: the token is right and says too little. All scopes of the operation in one challenge. */
export function stepUp(site: Site, resource: Resource, scope: string): Reply {
  const flawed = site.flawed.bind(site)
  const parameters = [
    'error="insufficient_scope"',
    ...(flawed('step-up-without-scope') ? [] : [`scope="${flawed('step-up-names-the-least') ? LEAST_SCOPE : scope}"`]),
    ...(flawed('step-up-without-metadata') ? [] : [`resource_metadata="${metadataUrl(site, resource)}"`]),
  ]
  const headers = { 'www-authenticate': `Bearer ${parameters.join(', ')}`, 'cache-control': 'no-store' }
  if (flawed('step-up-without-challenge')) return json(403, { error: 'insufficient_scope' })
  return json(flawed('step-up-is-401') ? 401 : 403, { error: 'insufficient_scope' }, headers)
}

import type { Audit } from './audit.ts'
import { readKeys } from './checks/read-keys.ts'
import { tryDpop } from './dpop/try-dpop.ts'

/** What is told and weighs nothing: what goes beyond the twelve checks. */
export async function takeNotes(audit: Audit): Promise<string[]> {
  const { metadata } = audit.logins
  const offers = (name: string, value: string) => [metadata[name] ?? []].flat().includes(value)
  return [
    await tryDpop(audit),
    metadata['tls_client_certificate_bound_access_tokens'] === true
      ? 'Tokens that are bound to a certificate are offered (RFC 8705); not tried'
      : null,
    typeof metadata['pushed_authorization_request_endpoint'] === 'string'
      ? `Pushed authorization requests are ${metadata['require_pushed_authorization_requests'] === true ? 'required' : 'offered'} (RFC 9126)`
      : null,
    offers('token_endpoint_auth_methods_supported', 'private_key_jwt')
      ? 'Clients may prove who they are with a key (private_key_jwt, RFC 7523)'
      : null,
    metadata['client_id_metadata_document_supported'] === true ? 'Client ID Metadata Documents are accepted' : null,
    await noteOnKeys(audit),
    await noteOnContact(audit),
  ].filter((note) => note !== null)
}

/** Without a second key tokens fail for a while when the first one is changed. */
async function noteOnKeys(audit: Audit): Promise<string | null> {
  const keys = (await readKeys(audit)) ?? []
  if (keys.length === 0) return null
  return keys.length === 1
    ? 'One key is published: whether the next one overlaps with it can not be seen'
    : `${keys.length} keys are published: they can be changed without a gap`
}

/** RFC 9116 §3: whom to tell of what was found. */
async function noteOnContact(audit: Audit): Promise<string | null> {
  const url = `${new URL(audit.target.url).origin}/.well-known/security.txt`
  const answer = await audit.ask({ method: 'GET', url, headers: [['accept', 'text/plain']] })
  return answer.status === 200 && /^Contact:\s*\S/im.test(answer.text) ? 'There is a security.txt (RFC 9116)' : null
}

import { ok, type Result, refused } from '#core/result.ts'

/** Longest client_id that is a URL. */
export const CLIENT_ID_URL_LENGTH_MAX = 512

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
/** scheme, authority, path; nothing after it but an optional query. */
const RAW_URL = /^(https?):\/\/([^/?#@]+)(\/[^?#]*)(?:\?([^#]*))?$/

export interface MetadataDocumentUrl {
  /** The client id itself: fetched, compared and stored byte for byte. */
  readonly url: string
  /** `host[:port]`, for people and for counting. */
  readonly host: string
  /** The host alone, for judging whose it is. */
  readonly hostname: string
  /** Where the document may live: the public network, or this machine while the gateway itself is on it. */
  readonly network: 'public' | 'loopback'
}

export interface DocumentUrlRules {
  readonly publicUrl: string
  readonly isLoopback: boolean
}

/** Whether a client id is meant as a URL. Ids that we generate never are (draft-ietf-oauth-client-id-metadata-document §7.1). */
export function looksLikeUrl(clientId: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(clientId) || clientId.includes('/')
}

/**
 * draft-ietf-oauth-client-id-metadata-document §3, on the raw text: URL parsers take dot segments, tabs and odd host spellings away
 * before anybody could refuse them. `problem` is a whole sentence that quotes nothing.
 */
export function parseMetadataDocumentUrl(
  clientId: string,
  rules: DocumentUrlRules,
): Result<MetadataDocumentUrl, { readonly problem: string }> {
  const no = (problem: string) => refused({ problem })
  if (clientId.length > CLIENT_ID_URL_LENGTH_MAX)
    return no(`A client_id URL is at most ${CLIENT_ID_URL_LENGTH_MAX} characters long.`)
  if (clientId.includes('#')) return no('A client_id URL has no fragment.')
  if (!/^(?:[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/.test(clientId))
    return no('A client_id URL consists of URL characters only.')
  const [, scheme, authority = '', path = ''] = RAW_URL.exec(clientId) ?? []
  const url = URL.parse(clientId)
  if (scheme === undefined || url === null) return no('A client_id URL is https://host/path, without a user name.')
  if (path === '/') return no('A client_id URL has a path.')
  if (path.split('/').some(isDotSegment)) return no('A client_id URL has no dot segments.')
  // One spelling for one host: what is shown to people is what is connected to.
  const spellings = [url.host, `${url.hostname}:${scheme === 'https' ? '443' : '80'}`]
  if (!spellings.includes(authority) || url.hostname.endsWith('.')) return no('A client_id URL names its host plainly.')
  if (url.origin === new URL(rules.publicUrl).origin)
    return no('A client_id URL leads to the client, not to this gateway.')

  const isLocal = LOOPBACK_HOSTS.has(url.hostname)
  // Documents on this machine are for developing against a gateway on this machine (draft §8.6); elsewhere they would let anybody
  // make the gateway knock on its own ports.
  if (isLocal && !rules.isLoopback) return no('A client_id URL leads to the public network.')
  if (scheme === 'http' && !isLocal) return no('A client_id URL uses https.')
  return ok({ url: clientId, host: url.host, hostname: url.hostname, network: isLocal ? 'loopback' : 'public' })
}

function isDotSegment(segment: string): boolean {
  const plain = segment.replace(/%2e/gi, '.')
  return plain === '.' || plain === '..'
}

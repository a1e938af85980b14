import { ok, type Result, refused } from '#core/result.ts'
import type { Network } from './addresses.ts'

/** Longest URL that is fetched. */
const URL_LENGTH_MAX = 2048

/**
 * An absolute http(s) URL that every parser reads alike: printable ASCII, no backslash, no userinfo, no fragment. Plain http is
 * for loopback and private networks; towards the public network it would hand documents and credentials to whoever is on the way.
 */
export function parseOutboundUrl(text: string, network: Network): Result<URL, 'urlInvalid' | 'schemeNotAllowed'> {
  if (text.length > URL_LENGTH_MAX || !/^[\x21-\x5b\x5d-\x7e]+$/.test(text)) return refused('urlInvalid')
  const url = URL.parse(text)
  if (url === null || url.hostname === '' || text.includes('#')) return refused('urlInvalid')
  if (url.username !== '' || url.password !== '' || authorityOf(text).includes('@')) return refused('urlInvalid')
  if (url.protocol === 'https:') return ok(url)
  if (url.protocol === 'http:' && network !== 'public') return ok(url)
  return refused('schemeNotAllowed')
}

function authorityOf(text: string): string {
  return /^[a-z]+:\/\/([^/?#]*)/i.exec(text)?.[1] ?? '@'
}

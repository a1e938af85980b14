import { isLoopbackHost } from '#core/loopback-host.ts'
import { ok, type Result, refused } from '#core/result.ts'
import { judgeCustomScheme } from './custom-schemes.ts'
import type { ClientMetadataWire } from './registry.ts'

export const REDIRECT_URI_LENGTH_MAX = 1024
export const REDIRECT_URIS_MAX = 20

/** Where a redirect leads. `loopback` is plain http on this machine; its port is free at each authorization. */
export interface CheckedRedirect {
  readonly kind: 'https' | 'loopback' | 'customScheme'
  readonly uri: string
}

export interface RedirectProblem {
  /** A whole sentence for the client's developer; quotes nothing that was sent. */
  readonly problem: string
  /** An unheard-of custom scheme: refused, but harmless beside accepted URIs (clients register everything they might ever use). */
  readonly isUnknownScheme: boolean
}

/** RFC 3986 §2: what a URI may consist of. No space, control, quote, backslash, caret, backtick, braces, pipe, wildcard, nor non-ASCII. */
const URI_CHARACTERS = /^(?:[A-Za-z0-9\-._~:/?[\]@!$&()+,;=]|%[0-9A-Fa-f]{2})+$/
const PARTS = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?]*))?(.*)$/
/** RFC 8252 §7.3, and `localhost` because clients use it. Nothing else on 127/8, no other spelling. */
const LOOPBACK_REDIRECT = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::([1-9][0-9]{0,4}))?([/?].*)?$/

/**
 * May this be registered as a redirect URI? The text must be what a browser would make of it, so that what is compared, what is
 * shown on the consent page and where the browser goes are the same thing.
 */
export function checkRedirectUri(
  uri: string,
  options: { readonly publicUrl: string },
): Result<CheckedRedirect, RedirectProblem> {
  const no = (problem: string, isUnknownScheme = false) => refused({ problem, isUnknownScheme })
  if (uri.length > REDIRECT_URI_LENGTH_MAX)
    return no(`Redirect URIs are at most ${REDIRECT_URI_LENGTH_MAX} characters long.`)
  // RFC 6749 §3.1.2: the fragment belongs to the browser.
  if (uri.includes('#')) return no('A redirect URI has no fragment.')
  if (uri.includes('*')) return no('Redirect URIs are compared exactly: wildcards are not accepted.')
  if (!URI_CHARACTERS.test(uri))
    return no('A redirect URI consists of URI characters only; anything else is percent-encoded.')
  const [, rawScheme, authority, rest = ''] = PARTS.exec(uri) ?? []
  const url = URL.parse(uri)
  if (rawScheme === undefined || url === null) return no('A redirect URI is absolute.')
  if (url.username !== '' || url.password !== '' || authority?.includes('@'))
    return no('A redirect URI carries no user name.')

  const scheme = rawScheme.toLowerCase()
  if (scheme === 'https' || scheme === 'http') return checkWeb(uri, url, authority, options.publicUrl)
  const verdict = judgeCustomScheme(scheme)
  if (verdict === 'dangerous') return no('This URI scheme is never accepted as a redirect.')
  if (verdict === 'unknown')
    return no(
      'Use a private-use scheme that is a domain name reversed, such as com.example.app:/callback (RFC 8252, section 7.1).',
      true,
    )
  const hasPlace = rest.startsWith('/') || (authority !== undefined && authority !== '')
  if (scheme !== rawScheme || !hasPlace || url.href !== uri)
    return no(
      'A redirect URI with a custom scheme is written scheme:/path or scheme://host/path, in lower case and without dot segments.',
    )
  return ok({ kind: 'customScheme', uri })
}

function checkWeb(
  uri: string,
  url: URL,
  authority: string | undefined,
  publicUrl: string,
): Result<CheckedRedirect, RedirectProblem> {
  const no = (problem: string) => refused({ problem, isUnknownScheme: false })
  if (authority === undefined || authority === '') return no('A redirect URI is absolute, with a host.')
  if (!isSpelledAsRead(uri, url, authority))
    return no('A redirect URI is written as a browser reads it: plain host name, no dot segments, no trailing dot.')
  if (leadsHere(url, publicUrl)) return no('A redirect URI leads to the client, not to this gateway.')
  if (url.protocol === 'https:') return ok({ kind: 'https', uri })
  // OAuth 2.1 §2.3.1: plain http is for the loopback interface, where nothing leaves the machine.
  if (LOOPBACK_REDIRECT.test(uri)) return ok({ kind: 'loopback', uri })
  return no('Redirect URIs use https; plain http is accepted for 127.0.0.1, [::1] and localhost only.')
}

/**
 * True when parsing changes nothing but the letter case of scheme and host, a stated default port and the slash of an empty path.
 * Refuses numeric hosts in odd bases, percent-encoded or international hosts, leading zeros in ports, and dot segments, plain or encoded.
 */
function isSpelledAsRead(uri: string, url: URL, authority: string): boolean {
  if (url.hostname === '' || url.hostname.endsWith('.') || url.hostname.endsWith('.localhost')) return false
  const head = url.protocol.length + '//'.length + authority.length
  const defaultPort = url.protocol === 'https:' ? '443' : '80'
  const authorities = url.port === '' ? [url.hostname, `${url.hostname}:${defaultPort}`] : [url.host]
  if (!authorities.includes(authority.toLowerCase()) || url.port === '0') return false
  const rest = uri.slice(head)
  const canonicalRest = `${url.pathname}${url.search}`
  return rest === canonicalRest || (!rest.startsWith('/') && `/${rest}` === canonicalRest)
}

/**
 * RFC 6749 §3.1.2.3, OAuth 2.1 §4.1.3: simple string comparison with a registered URI. One exception, RFC 8252 §7.3: a loopback http
 * URI may name any port. The host literal, path and query stay identical, and nothing is normalised on either side.
 */
export function redirectIsAllowed(
  client: Pick<ClientMetadataWire, 'redirect_uris'>,
  uri: string,
  publicUrl: string,
): boolean {
  if (uri.length > REDIRECT_URI_LENGTH_MAX) return false
  const url = URL.parse(uri)
  // Any port may be named, and ours is one; P may also have moved to where a client once was.
  if (url === null || leadsHere(url, publicUrl)) return false
  if (client.redirect_uris.includes(uri)) return true
  const asked = splitLoopback(uri)
  if (asked === null) return false
  return client.redirect_uris.some((registered) => {
    const known = splitLoopback(registered)
    return known !== null && known.host === asked.host && known.rest === asked.rest
  })
}

/** An address of this gateway. On loopback every name of the machine with our port is one. */
function leadsHere(url: URL, publicUrl: string): boolean {
  const own = new URL(publicUrl)
  if (url.origin === own.origin) return true
  return isLoopbackHost(own.hostname) && isOnLoopback(url) && portOf(url) === portOf(own)
}

function portOf({ port, protocol }: URL): string {
  return port === '' ? (protocol === 'https:' ? '443' : '80') : port
}

/** Host literal and everything after the port, or null when it is not a plain loopback http URI. */
function splitLoopback(uri: string): { readonly host: string; readonly rest: string } | null {
  const [, host, port, rest = ''] = LOOPBACK_REDIRECT.exec(uri) ?? []
  if (host === undefined || (port !== undefined && Number(port) > 65_535)) return null
  return { host, rest }
}

/** True when every redirect ends on this machine: loopback by http or https. */
export function isLocalhostOnly(redirectUris: readonly string[]): boolean {
  return redirectUris.length > 0 && redirectUris.every((uri) => isOnLoopback(URL.parse(uri)))
}

function isOnLoopback(url: URL | null): boolean {
  return url !== null && /^https?:$/.test(url.protocol) && isLoopbackHost(url.hostname)
}

import { isLoopbackHost } from '#core/loopback-host.ts'

/** Whether a redirect URI is fetched by the browser itself, rather than handed to an app. */
export function isWebUrl(redirectUri: string): boolean {
  const protocol = URL.parse(redirectUri)?.protocol
  return protocol === 'https:' || protocol === 'http:'
}

/**
 * The part of a redirect URI that says who gets the answer: the host with its port, in ASCII (a look-alike shows as `xn--…`), or the
 * scheme for an app's own. Everything else in the URI is the client's to choose and proves nothing.
 */
export function redirectTarget(redirectUri: string): string {
  const url = URL.parse(redirectUri)
  if (url === null) return redirectUri
  return isWebUrl(redirectUri) ? url.host : url.protocol
}

/** RFC 8252 §7.3: loopback addresses, and the name that stands for them. */
export function isThisComputer(redirectUri: string): boolean {
  return isWebUrl(redirectUri) && isLoopbackHost(URL.parse(redirectUri)?.hostname ?? '')
}

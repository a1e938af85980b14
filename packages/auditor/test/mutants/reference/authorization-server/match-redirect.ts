import type { Site } from '../site.ts'
import type { Client } from '../state.ts'
import { isLoopback } from './register.ts'

/** RFC 9700 §2.1: the same string; only the port of a loopback address may differ (RFC 8252 §7.3). */
export function matchesRegistered(site: Site, client: Client, wanted: string): boolean {
  return client.redirectUris.some(
    (registered) =>
      wanted === registered ||
      (isSameButPort(registered, wanted) && !site.flawed('redirect-one-loopback-port')) ||
      laxly(site, registered, wanted),
  )
}

function isSameButPort(registered: string, wanted: string): boolean {
  const [one, other] = [URL.parse(registered), URL.parse(wanted)]
  if (one?.protocol !== 'http:' || other === null || !isLoopback(one)) return false
  return wanted === registered.replace(one.host, other.host) && one.hostname === other.hostname
}

/** What servers get wrong: each way is one flaw. */
function laxly(site: Site, registered: string, wanted: string): boolean {
  const flawed = site.flawed.bind(site)
  const [one, other] = [URL.parse(registered), URL.parse(wanted)]
  if (one === null || other === null) return false
  const sameOrigin = one.origin === other.origin
  const areBothLoopback = isLoopback(one) && isLoopback(other)
  return (
    (flawed('redirect-any-loopback-path') && areBothLoopback && one.host === other.host) ||
    (flawed('redirect-any-loopback-host') && areBothLoopback && one.pathname === other.pathname) ||
    (flawed('redirect-longer-path') && wanted.startsWith(`${registered}/`)) ||
    (flawed('redirect-added-query') && wanted.split('?')[0] === registered) ||
    (flawed('redirect-other-port') &&
      one.hostname === other.hostname &&
      one.pathname === other.pathname &&
      other.search === '' &&
      other.hash === '' &&
      one.protocol === other.protocol &&
      other.username === '') ||
    (flawed('redirect-any-case') && wanted.toLowerCase() === registered.toLowerCase()) ||
    (flawed('redirect-decoded') &&
      sameOrigin &&
      other.search === '' &&
      other.hash === '' &&
      other.username === '' &&
      decodedPath(other.pathname) === one.pathname) ||
    (flawed('redirect-userinfo') &&
      other.username !== '' &&
      sameOrigin &&
      other.pathname === one.pathname &&
      other.search === '' &&
      other.hash === '') ||
    (flawed('redirect-prefix-of-host') && wanted.startsWith(one.origin) && !sameOrigin && other.username === '') ||
    (flawed('redirect-subdomain') && other.hostname.endsWith(`.${one.hostname}`)) ||
    (flawed('redirect-without-tls') && wanted === registered.replace('https://', 'http://')) ||
    (flawed('redirect-fragment') && wanted.split('#')[0] === registered)
  )
}

function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

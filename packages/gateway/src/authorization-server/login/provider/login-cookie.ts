import { type Random, randomToken } from '#core/random.ts'
import { cookieName } from '#http/cookie-name.ts'
import type { HttpExchange } from '#http/exchange.ts'

/** Binds a login at a provider to the browser that began it. Lax: the way back is a navigation from elsewhere. */
const COOKIE = '__Host-sallyport-provider'
const PATTERN = /^[A-Za-z0-9_-]{43}$/

/**
 * The browser's secret, a new one if it has none. It keeps its own, so that two apps whose logins are under way at once don't end each
 * other's. A secret that somebody planted would need this very host (`__Host-`), and the login is bound to its `state` besides.
 */
export function setLoginCookie(exchange: HttpExchange, random: Random): string {
  const secret = loginCookieOf(exchange) ?? randomToken(random)
  exchange.response.appendHeader(
    'set-cookie',
    `${cookieName(COOKIE, exchange.tenant)}=${secret}; Path=/; Secure; HttpOnly; SameSite=Lax`,
  )
  return secret
}

/** The browser's secret; null if it has none, a malformed one, or several. */
export function loginCookieOf({ request, tenant }: HttpExchange): string | null {
  const name = cookieName(COOKIE, tenant)
  const values = (request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  const [value] = values
  return values.length === 1 && value !== undefined && PATTERN.test(value) ? value : null
}

import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import { type Random, randomToken } from '#core/random.ts'
import { cookieName } from '#http/cookie-name.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { Sealer } from '#keys/sealer.ts'

/** MCP security best practices, "Confused Deputy": `__Host-`, Secure, HttpOnly, SameSite=Lax. Lax, because people arrive from their app. */
const COOKIE = '__Host-sallyport-form'
const COOKIE_PATTERN = /^[A-Za-z0-9_-]{43}$/
/** A form left open longer than this must be opened again. */
const TOKEN_SECONDS = 3_600
const TOKEN_CHARACTERS_MAX = 512
const EXPIRY_BYTES = 8

/**
 * Form tokens: sealed under our key, good for one purpose, in the one browser that holds the cookie, for an hour.
 * Stateless, so opening a page twice invalidates nothing.
 */
export interface FormTokens {
  /** A token for a form with this purpose. Sets the cookie on the response if the browser has none. */
  issue(exchange: HttpExchange, tenant: TenantId, purpose: string): string
  /** Whether this browser was given this token for this purpose. */
  check(exchange: HttpExchange, tenant: TenantId, purpose: string, token: string | null): boolean
}

export function createFormTokens(deps: {
  readonly sealer: Sealer
  readonly clock: Clock
  readonly random: Random
}): FormTokens {
  const { sealer, clock, random } = deps
  return {
    issue(exchange, tenant, purpose) {
      let browser = browserOf(exchange)
      if (browser === null) {
        browser = randomToken(random)
        exchange.response.appendHeader(
          'set-cookie',
          `${cookieName(COOKIE, exchange.tenant)}=${browser}; Path=/; Secure; HttpOnly; SameSite=Lax`,
        )
      }
      const payload = Buffer.alloc(EXPIRY_BYTES + 32)
      payload.writeBigUInt64BE(BigInt(clock.nowSeconds() + TOKEN_SECONDS))
      digest(browser).copy(payload, EXPIRY_BYTES)
      return Buffer.from(sealer.seal(payload, associated(tenant, purpose))).toString('base64url')
    },
    check(exchange, tenant, purpose, token) {
      const browser = browserOf(exchange)
      if (browser === null || token === null || token.length > TOKEN_CHARACTERS_MAX) return false
      const payload = open(sealer, token, associated(tenant, purpose))
      if (payload === null || payload.length !== EXPIRY_BYTES + 32) return false
      if (payload.readBigUInt64BE() < BigInt(clock.nowSeconds())) return false
      return timingSafeEqual(payload.subarray(EXPIRY_BYTES), digest(browser))
    },
  }
}

function open(sealer: Sealer, token: string, associatedData: string): Buffer | null {
  try {
    return Buffer.from(sealer.open(Buffer.from(token, 'base64url'), associatedData))
  } catch {
    // Forged, for another purpose, or sealed under a key that is gone: all of them no.
    return null
  }
}

/** The browser's own secret, or null if it has none, a malformed one, or several. */
function browserOf(exchange: HttpExchange): string | null {
  const name = cookieName(COOKIE, exchange.tenant)
  const values = (exchange.request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  const [value] = values
  return values.length === 1 && value !== undefined && COOKIE_PATTERN.test(value) ? value : null
}

function associated(tenant: TenantId, purpose: string): string {
  return `${tenant}|page-form|${purpose}`
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}

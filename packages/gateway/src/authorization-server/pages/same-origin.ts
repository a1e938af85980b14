import type { IncomingHttpHeaders } from 'node:http'
import { originOf } from '#core/issuer-url.ts'

/**
 * Whether a form post may have come from a page of ours, by what the browser itself says. The first of two checks; the form token is the
 * second. Pure.
 *
 * `Sec-Fetch-Site` decides where it is sent (every current browser). `Origin: null` says nothing by itself: our own pages send it,
 * because they have `Referrer-Policy: no-referrer` (Fetch, "append a request Origin header"); then, and when both are missing, the token
 * alone decides. Everything else refuses.
 */
export function postIsFromOurPage(headers: IncomingHttpHeaders, publicUrl: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return false
  const origin = headers.origin
  return origin === undefined || origin === 'null' || origin === originOf(publicUrl)
}

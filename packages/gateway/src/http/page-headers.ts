import { createHash } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'
import { STYLESHEET } from './stylesheet.ts'

export interface PageHeaderOptions {
  /**
   * A browser client that opened us in a window of its own waits for news through `window.opener`; severing it would break that client.
   * True only for clients whose origin the operator has listed.
   */
  readonly keepsOpener: boolean
  /** The one script that the page may run, by its whole address; absent: none. */
  readonly scriptUrl?: string
}

/** The one stylesheet, byte for byte, and nothing else. No script-src: nothing on a page may run. */
const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLESHEET).digest('base64')}'`

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src ${STYLE_SOURCE}`,
  "img-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ')

/** Headers of every page for people. MCP security best practices, "Confused Deputy": consent must not be framed. */
export function pageHeaders(options: PageHeaderOptions = { keepsOpener: false }): OutgoingHttpHeaders {
  return {
    'content-security-policy':
      options.scriptUrl === undefined
        ? CONTENT_SECURITY_POLICY
        : `${CONTENT_SECURITY_POLICY}; script-src ${options.scriptUrl}`,
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    // Setup links and interaction ids are in our URLs; they are nobody else's business.
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    'cross-origin-opener-policy': options.keepsOpener ? 'unsafe-none' : 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  }
}

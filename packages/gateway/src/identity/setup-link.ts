import { createHash } from 'node:crypto'
import { type Random, randomToken } from '#core/random.ts'

/** A setup link works this long; a new start prints a new one. */
export const SETUP_LINK_SECONDS = 60 * 60

/** The token goes into the link `P/setup?token=…`; only its hash goes into the store. */
export function newSetupLink(random: Random): { readonly token: string; readonly linkHash: string } {
  const token = randomToken(random)
  return { token, linkHash: hashSetupToken(token) }
}

/** SHA-256, hex. The token has 256 random bits, so a plain hash is enough. */
export function hashSetupToken(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex')
}

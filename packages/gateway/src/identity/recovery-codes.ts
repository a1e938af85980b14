import { createHash } from 'node:crypto'
import type { Random } from '#core/random.ts'
import { base32 } from './totp.ts'

export const RECOVERY_CODES = 10
/** 80 bits each: nobody guesses one, so a fast hash is enough to keep them by. */
const CODE_BYTES = 10
const GROUP = /.{4}/g

/** To be shown once, in groups of four, easy to write down. */
export function newRecoveryCodes(random: Random): readonly string[] {
  return Array.from({ length: RECOVERY_CODES }, () => (base32(random.bytes(CODE_BYTES)).match(GROUP) ?? []).join('-'))
}

/** What is kept of a code, whichever way it was typed; null for what cannot be one. */
export function hashRecoveryCode(typed: string): string | null {
  const code = typed.toUpperCase().replace(/[\s-]/g, '')
  return /^[A-Z2-7]{16}$/.test(code) ? createHash('sha256').update(`recovery|${code}`).digest('base64url') : null
}

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Random } from '#core/random.ts'

/** RFC 4226 §4 R6: 160 bits. */
const SECRET_BYTES = 20
const STEP_SECONDS = 30
const DIGITS = 6
/** Steps around now whose codes are taken (RFC 6238 §5.2): a slow typist, and a clock that is half a minute off. */
const STEPS_AROUND = [0, -1, 1]
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export function newTotpSecret(random: Random): Uint8Array {
  return random.bytes(SECRET_BYTES)
}

/** RFC 6238 with SHA-1, 30 seconds and six digits, which is what every authenticator app does. The time step whose code this is, or null. */
export function totpStepOf(code: string, secret: Uint8Array, nowSeconds: number): number | null {
  if (!/^\d{6}$/.test(code)) return null
  const now = Math.floor(nowSeconds / STEP_SECONDS)
  // All are compared, so that the time tells nothing.
  const matches = STEPS_AROUND.map((around) => now + around).filter((step) =>
    timingSafeEqual(Buffer.from(totpCode(secret, step)), Buffer.from(code)),
  )
  return matches[0] ?? null
}

/** RFC 4226 §5.3 with the time step as the counter. */
export function totpCode(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const digest = createHmac('sha1', secret).update(counter).digest()
  const offset = (digest.at(-1) ?? 0) & 0xf
  const number = digest.readUInt32BE(offset) & 0x7fff_ffff
  return String(number % 10 ** DIGITS).padStart(DIGITS, '0')
}

/** RFC 4648 §6, without padding: as apps take it by hand. */
export function base32(bytes: Uint8Array): string {
  let bits = 0
  let value = 0
  let text = ''
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 5) {
      text += BASE32[(value >>> (bits - 5)) & 31]
      bits -= 5
    }
  }
  return bits === 0 ? text : text + BASE32[(value << (5 - bits)) & 31]
}

/** The address in the QR code (the key URI format that authenticator apps read). */
export function otpauthUri(
  secret: Uint8Array,
  { issuer, account }: { readonly issuer: string; readonly account: string },
): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`
  return `otpauth://totp/${label}?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}`
}

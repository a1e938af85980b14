import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { TenantId } from '#core/ids.ts'

const FORMAT = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
const PURPOSE = 'sallyport refresh reply 1'

/**
 * Seals the answer that a refresh token got, under a key that only that token yields (HKDF, RFC 5869): the store has its hash and cannot
 * open it, and whoever presents the token could have had the answer. AES-256-GCM; one value per key, since a token is used once.
 * docs/specs/sealed-value.md.
 */
export function sealReply(answer: string, refreshToken: string, tenant: TenantId): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', keyOf(refreshToken, tenant), nonce)
  const head = Buffer.from([FORMAT])
  cipher.setAAD(head)
  const ciphertext = Buffer.concat([cipher.update(answer, 'utf8'), cipher.final()])
  return Buffer.concat([head, nonce, ciphertext, cipher.getAuthTag()]).toString('base64')
}

/** Null where it was sealed under another token, for another tenant, or changed since. */
export function openReply(sealed: string, refreshToken: string, tenant: TenantId): string | null {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES || bytes[0] !== FORMAT) return null
  const nonce = bytes.subarray(1, 1 + NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', keyOf(refreshToken, tenant), nonce)
  decipher.setAAD(bytes.subarray(0, 1))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  try {
    const ciphertext = bytes.subarray(1 + NONCE_BYTES, bytes.length - TAG_BYTES)
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

function keyOf(refreshToken: string, tenant: TenantId): Buffer {
  return Buffer.from(hkdfSync('sha256', refreshToken, tenant, PURPOSE, KEY_BYTES))
}

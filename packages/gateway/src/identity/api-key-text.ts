import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Random } from '#core/random.ts'
import { Secret } from '#core/secret.ts'

/** Announces a key to people, to secret scanners and to the door, which looks at nothing else before it has chosen its road. */
export const API_KEY_PREFIX = 'spk_'
/** The same for a token that lets clients register (RFC 7591 §1.2). It has the form of a key, and opens no door. */
export const INITIAL_ACCESS_TOKEN_PREFIX = 'spi_'

type Prefix = typeof API_KEY_PREFIX | typeof INITIAL_ACCESS_TOKEN_PREFIX

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 96 random bits: names one secret of a key in the store and in records; opens nothing. */
const ID_BYTES = 12
const ID_CHARACTERS = 17
/** 256 random bits. */
const SECRET_BYTES = 32
const SECRET_CHARACTERS = 43
/** CRC-32: tells a scanner, and the door before it asks the store, that a text was never a key. It protects nothing. */
const CHECKSUM_CHARACTERS = 6

/** The prefix, the id, `_`, then the secret with its checksum. Letters and digits alone, so that a double click selects all of it. */
const PATTERN = new RegExp(
  `^([a-z]{3}_)([0-9A-Za-z]{${ID_CHARACTERS}})_[0-9A-Za-z]{${SECRET_CHARACTERS + CHECKSUM_CHARACTERS}}$`,
)

export interface NewApiKeyText {
  readonly secretId: string
  /** Shown once. */
  readonly text: Secret
  readonly hash: string
}

export function newApiKeyText(random: Random, prefix: Prefix = API_KEY_PREFIX): NewApiKeyText {
  const secretId = base62(random.bytes(ID_BYTES), ID_CHARACTERS)
  const body = `${prefix}${secretId}_${base62(random.bytes(SECRET_BYTES), SECRET_CHARACTERS)}`
  const text = body + checksumOf(body)
  return { secretId, text: new Secret(text), hash: hashApiKey(text) }
}

/** The id in a text that may be a key; null for what never was one. */
export function readApiKeyText(text: string, prefix: Prefix = API_KEY_PREFIX): { readonly secretId: string } | null {
  const [, found, secretId] = PATTERN.exec(text) ?? []
  if (found !== prefix || secretId === undefined) return null
  return text.slice(-CHECKSUM_CHARACTERS) === checksumOf(text.slice(0, -CHECKSUM_CHARACTERS)) ? { secretId } : null
}

/**
 * What the store keeps. A fast hash is right here: 256 random bits cannot be guessed however fast each guess is, and a slow hash would
 * only make every first request dear. Slow ones are for what people choose.
 */
export function hashApiKey(text: string): string {
  return hash('sha256', text, 'base64url')
}

function checksumOf(body: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(body))
  return base62(bytes, CHECKSUM_CHARACTERS)
}

function base62(bytes: Uint8Array, characters: number): string {
  let value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  let text = ''
  for (let at = 0; at < characters; at += 1) {
    text = `${DIGITS[Number(value % 62n)] ?? ''}${text}`
    value /= 62n
  }
  return text
}

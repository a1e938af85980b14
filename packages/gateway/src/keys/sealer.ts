import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import { type Random, systemRandom } from '#core/random.ts'
import { KeyFileUnsafe, readOrCreateKeyFile } from './key-file.ts'

const FORMAT = 1
const KEY_BYTES = 32
const KEY_ID_BYTES = 8
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = 1 + KEY_ID_BYTES

/** Seals values under the state's key. `associatedData` names the one place a value belongs (`tenant|purpose|id`): elsewhere it does not open. */
export interface Sealer {
  /** Tells keys apart without telling anything of them. */
  readonly keyId: string
  seal(plaintext: Uint8Array, associatedData: string): Uint8Array
  /** @throws SealBroken when the value is not what was sealed for this place with this key. */
  open(sealed: Uint8Array, associatedData: string): Uint8Array
  /** 32 secret bytes for one purpose: the same on every replica and after every restart. Nothing is sealed under them. */
  deriveKey(purpose: string): Uint8Array
}

/** Tampered, moved to another place, or sealed under another key: they are not told apart. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken'

  constructor() {
    super('a sealed value does not open here')
  }
}

/**
 * The sealer of this key file, whose 32 random bytes are made on first use.
 * @throws KeyFileUnsafe when others may read the file or it does not hold 32 bytes.
 */
export async function openSealer(keyFile: string, random: Random = systemRandom): Promise<Sealer> {
  const key = await readOrCreateKeyFile(keyFile, () => random.bytes(KEY_BYTES))
  if (key.length !== KEY_BYTES) throw new KeyFileUnsafe(`the key file ${keyFile} does not hold ${KEY_BYTES} bytes`)
  return createSealer(key, random)
}

/** docs/specs/sealed-value.md: format byte, key id, nonce, AES-256-GCM ciphertext, tag. */
export function createSealer(key: Uint8Array, random: Random): Sealer {
  const header = Buffer.concat([Buffer.from([FORMAT]), derive(key, 'id', '').subarray(0, KEY_ID_BYTES)])
  return {
    keyId: header.subarray(1).toString('hex'),
    seal(plaintext, associatedData) {
      const nonce = random.bytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', derive(key, 'value', associatedData), nonce)
      cipher.setAAD(Buffer.concat([header, Buffer.from(associatedData)]))
      const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
      return new Uint8Array(Buffer.concat([header, nonce, ciphertext, cipher.getAuthTag()]))
    },
    open(sealed, associatedData) {
      if (sealed.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES) throw new SealBroken()
      if (!timingSafeEqual(sealed.subarray(0, HEADER_BYTES), header)) throw new SealBroken()
      const nonce = sealed.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES)
      const ciphertext = sealed.subarray(HEADER_BYTES + NONCE_BYTES, sealed.length - TAG_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', derive(key, 'value', associatedData), nonce)
      decipher.setAAD(Buffer.concat([header, Buffer.from(associatedData)]))
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
      try {
        return new Uint8Array(Buffer.concat([decipher.update(ciphertext), decipher.final()]))
      } catch {
        throw new SealBroken()
      }
    },
    deriveKey: (purpose) => new Uint8Array(derive(key, 'derived', purpose)),
  }
}

/**
 * A key per place. NIST SP 800-38D §8.3 allows 2^32 random nonces under one key, which a busy log would reach within a year; the
 * values of one place are few.
 */
function derive(key: Uint8Array, purpose: 'id' | 'value' | 'derived', associatedData: string): Buffer {
  return createHmac('sha256', key).update(`sallyport seal 1|${purpose}|`).update(associatedData).digest()
}

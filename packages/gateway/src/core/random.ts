import { randomBytes } from 'node:crypto'

/** The one source of randomness: a CSPRNG, passed in so that tests can name the values they expect. */
export interface Random {
  bytes(count: number): Uint8Array
}

const POOL_BYTES = 4096
/** Larger draws go to the system at once. */
const POOLED_BYTES_MAX = 64

let pool = Buffer.alloc(0)
let drawn = 0

/** Small draws are cut from a block: asking the system for each costs more than everything else in making an id. */
export const systemRandom: Random = {
  bytes: (count) => {
    if (count > POOLED_BYTES_MAX) return randomBytes(count)
    if (drawn + count > pool.length) {
      pool = randomBytes(POOL_BYTES)
      drawn = 0
    }
    const bytes = Buffer.alloc(count)
    pool.copy(bytes, 0, drawn, drawn + count)
    // What was handed out, perhaps as a key, must not stay behind here.
    pool.fill(0, drawn, drawn + count)
    drawn += count
    return bytes
  },
}

/** An unguessable value of `byteCount` random bytes (default 32 = 256 bits), base64url without padding. */
export function randomToken(random: Random, byteCount = 32): string {
  return Buffer.from(random.bytes(byteCount)).toString('base64url')
}

/** RFC 9562 §5.7: UUID version 7. Sorts by time; 74 random bits. */
export function uuidv7(random: Random, nowMs: number): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes.writeUIntBE(nowMs, 0, 6)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

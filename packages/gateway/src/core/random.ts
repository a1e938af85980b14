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
    const bytes = new Uint8Array(count)
    for (let index = 0; index < count; index += 1) bytes[index] = pool[drawn + index] ?? 0
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

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** RFC 9562 §5.7: UUID version 7. Sorts by time; 74 random bits. */
export function uuidv7(random: Random, nowMs: number): string {
  const bytes = random.bytes(16)
  const hex = (index: number) => HEX[bytes[index] ?? 0] ?? ''
  const time = nowMs.toString(16).padStart(12, '0')
  const version = HEX[((bytes[6] ?? 0) & 0x0f) | 0x70] ?? ''
  const variant = HEX[((bytes[8] ?? 0) & 0x3f) | 0x80] ?? ''
  const node = hex(10) + hex(11) + hex(12) + hex(13) + hex(14) + hex(15)
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${hex(7)}-${variant}${hex(9)}-${node}`
}

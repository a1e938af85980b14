import { argon2, timingSafeEqual } from 'node:crypto'
import type { Random } from '#core/random.ts'

/** OWASP password storage cheat sheet: argon2id with at least 19 MiB, two passes, one lane. */
const MEMORY_KIB = 19_456
const PASSES = 2
const LANES = 1
const SALT_BYTES = 16
const TAG_BYTES = 32

/** A stored hash may ask for this much at most: a tampered row must not become a way to exhaust the machine. */
const MEMORY_KIB_MAX = 262_144
const PASSES_MAX = 16
const LANES_MAX = 4

interface ParsedHash {
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
  readonly salt: Buffer
  readonly tag: Buffer
}

/** A PHC string `$argon2id$v=19$m=…,t=…,p=…$salt$tag`. Costs 19 MiB and about 30 ms in the thread pool. */
export async function hashPassword(password: string, random: Random): Promise<string> {
  const salt = Buffer.from(random.bytes(SALT_BYTES))
  const tag = await derive(password, {
    memoryKib: MEMORY_KIB,
    passes: PASSES,
    lanes: LANES,
    salt,
    tag: Buffer.alloc(TAG_BYTES),
  })
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${unpadded(salt)}$${unpadded(tag)}`
}

/** Compares in constant time. A string that is not one of our PHC strings matches nothing, and costs what a real one costs. */
export async function verifyPassword(password: string, passwordHash: string): Promise<boolean> {
  const parsed = parseHash(passwordHash)
  if (parsed === null) {
    await derive(password, NOBODY)
    return false
  }
  return timingSafeEqual(await derive(password, parsed), parsed.tag)
}

/** A hash that no password has, with today's cost: verifying against it hides whether an account exists. */
export const NOBODYS_HASH = `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${unpadded(Buffer.alloc(SALT_BYTES))}$${unpadded(Buffer.alloc(TAG_BYTES))}`

const NOBODY: ParsedHash = {
  memoryKib: MEMORY_KIB,
  passes: PASSES,
  lanes: LANES,
  salt: Buffer.alloc(SALT_BYTES),
  tag: Buffer.alloc(TAG_BYTES),
}

function parseHash(text: string): ParsedHash | null {
  const match =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/.exec(text)
  if (match === null) return null
  const [, memory, passes, lanes, salt, tag] = match
  const parsed: ParsedHash = {
    memoryKib: Number(memory),
    passes: Number(passes),
    lanes: Number(lanes),
    salt: Buffer.from(salt ?? '', 'base64'),
    tag: Buffer.from(tag ?? '', 'base64'),
  }
  const isBounded =
    parsed.lanes >= 1 &&
    parsed.lanes <= LANES_MAX &&
    parsed.passes >= 1 &&
    parsed.passes <= PASSES_MAX &&
    parsed.memoryKib >= 8 * parsed.lanes &&
    parsed.memoryKib <= MEMORY_KIB_MAX
  // One spelling per hash: base64 with stray low bits is not what we wrote.
  const isCanonical = unpadded(parsed.salt) === salt && unpadded(parsed.tag) === tag
  return isBounded && isCanonical ? parsed : null
}

function derive(password: string, hash: ParsedHash): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2(
      'argon2id',
      {
        // NIST SP 800-63B §3.1.1.2: normalise, so that the same password typed on another keyboard is the same password.
        message: Buffer.from(password.normalize('NFKC'), 'utf8'),
        nonce: hash.salt,
        memory: hash.memoryKib,
        passes: hash.passes,
        parallelism: hash.lanes,
        tagLength: hash.tag.length,
      },
      (cause, tag) => (cause === null ? resolve(tag) : reject(new Error('hashing a password', { cause }))),
    )
  })
}

/** PHC string format: base64 without padding. */
function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

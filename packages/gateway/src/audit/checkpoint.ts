import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** What a checkpoint vouches for: the first `size` records have this root, in the log of this origin (C2SP tlog-checkpoint). */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

export interface CheckpointSigner {
  readonly origin: string
  /** `name+keyid+base64(0x01 || public key)`: the verifier key of C2SP signed-note. */
  readonly verifierKey: string
  sign(size: number, root: Buffer): string
}

const ED25519 = 0x01
// RFC 8410 §7 and §4: the fixed DER in front of a raw Ed25519 seed and public key.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * A signer from the 32-byte Ed25519 seed kept apart from the store. The origin names the log after its key and tenant, not after the
 * address of the gateway: that may change, the log does not.
 */
export function createCheckpointSigner(seed: Uint8Array, tenant: string): CheckpointSigner {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = rawPublicKey(createPublicKey(privateKey))
  const origin = `sallyport/log/${createHash('sha256').update(publicKey).digest('hex').slice(0, 16)}/${tenant}`
  const id = keyId(origin, publicKey)
  return {
    origin,
    verifierKey: `${origin}+${id.toString('hex')}+${Buffer.concat([Buffer.from([ED25519]), publicKey]).toString('base64')}`,
    sign: (size, root) => {
      const text = `${origin}\n${size}\n${root.toString('base64')}\n`
      const signature = sign(null, Buffer.from(text), privateKey)
      return `${text}\n— ${origin} ${Buffer.concat([id, signature]).toString('base64')}\n`
    },
  }
}

/** The checkpoint inside a signed note, or why it is not to be believed. */
export function openCheckpoint(note: string, verifierKey: string): Checkpoint | { readonly problem: string } {
  const key = parseVerifierKey(verifierKey)
  if (key === null) return { problem: 'the verifier key is not a C2SP Ed25519 verifier key' }
  const match =
    /^((?<origin>[^\n]+)\n(?<size>0|[1-9]\d{0,15})\n(?<root>[A-Za-z0-9+/]{43}=)\n)\n(?<signatures>(?:— [^\n]+\n)+)$/.exec(
      note,
    )
  if (match?.groups === undefined) return { problem: 'the checkpoint is not a signed note' }
  const { origin = '', size = '', root = '', signatures = '' } = match.groups
  if (origin !== key.name) return { problem: `the checkpoint is of another log: ${origin}` }
  const isSigned = signatures.split('\n').some((line) => {
    const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? []
    if (name !== key.name || encoded === undefined) return false
    const bytes = Buffer.from(encoded, 'base64')
    return (
      // The same bytes can be spelled in several ways; ours is one of them, and another was not written by us.
      bytes.toString('base64') === encoded &&
      bytes.subarray(0, 4).equals(key.id) &&
      verify(null, Buffer.from(match[1] ?? ''), key.publicKey, bytes.subarray(4))
    )
  })
  if (!isSigned) return { problem: 'no signature of this key on the checkpoint' }
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') }
}

function parseVerifierKey(text: string): { name: string; id: Buffer; publicKey: KeyObject } | null {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? []
  if (name === undefined || id === undefined || encoded === undefined) return null
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.length !== 33 || bytes[0] !== ED25519) return null
  const raw = bytes.subarray(1)
  if (!keyId(name, raw).equals(Buffer.from(id, 'hex'))) return null
  return {
    name,
    id: Buffer.from(id, 'hex'),
    publicKey: createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' }),
  }
}

/** C2SP signed-note: first four bytes of SHA-256(name || 0x0A || algorithm || public key). */
function keyId(name: string, publicKey: Uint8Array): Buffer {
  return createHash('sha256')
    .update(name)
    .update('\n')
    .update(Buffer.from([ED25519]))
    .update(publicKey)
    .digest()
    .subarray(0, 4)
}

function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length)
}

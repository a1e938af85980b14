import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'

export interface ServerCertificate {
  readonly key: string
  /** In PEM; whoever trusts it can reach the server. */
  readonly authority: string
  readonly cert: string
}

const DAY_MS = 86_400_000
const ECDSA_SHA256 = sequence(tagged(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])))
const COMMON_NAME = Buffer.from([0x55, 0x04, 0x03])

/** A certificate for loopback, from an authority made for it. `isExpired` ends it yesterday. */
export function loopbackCertificate({ isExpired = false } = {}): ServerCertificate {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ends = Date.now() + (isExpired ? -DAY_MS : DAY_MS)
  // X.509 §4.2.1.9 and §4.2.1.6: an authority, and the names of a server.
  const isAuthority = extension([0x55, 0x1d, 0x13], sequence(tagged(0x01, Buffer.from([0xff]))))
  const names = extension(
    [0x55, 0x1d, 0x11],
    sequence(tagged(0x82, Buffer.from('localhost')), tagged(0x87, Buffer.from([127, 0, 0, 1]))),
  )
  return {
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    authority: certificate(
      'reference authority',
      authority.publicKey,
      isAuthority,
      authority.privateKey,
      Date.now() + DAY_MS,
    ),
    cert: certificate('reference', server.publicKey, names, authority.privateKey, ends),
  }
}

function certificate(
  subject: string,
  publicKey: KeyObject,
  extensions: Buffer,
  issuerKey: KeyObject,
  ends: number,
): string {
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    nameOf('reference authority'),
    sequence(time(Date.now() - 2 * DAY_MS), time(ends)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(extensions)),
  )
  const signature = sign('sha256', body, issuerKey)
  return new X509Certificate(
    sequence(body, ECDSA_SHA256, tagged(0x03, Buffer.concat([Buffer.from([0]), signature]))),
  ).toString()
}

function nameOf(commonName: string): Buffer {
  const attribute = sequence(tagged(0x06, COMMON_NAME), tagged(0x0c, Buffer.from(commonName)))
  return sequence(tagged(0x31, attribute))
}

function extension(id: readonly number[], value: Buffer): Buffer {
  return sequence(tagged(0x06, Buffer.from(id)), tagged(0x04, value))
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]/g, '')
  return tagged(0x17, Buffer.from(`${digits.slice(2, 14)}Z`))
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

/** DER, lengths below 64 KB. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

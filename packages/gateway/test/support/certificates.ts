import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { generalName, oid, sequence, set, tagged, time } from './self-signed.ts'

/** A certificate of these tests with its key, and a way to issue others with it. */
export interface TestCertificate {
  readonly key: string
  readonly cert: string
  readonly x5t: string
  /** As RFC 9440 puts it into a header. */
  readonly header: string
  issue(options?: CertificateOptions): TestCertificate
}

export interface CertificateOptions {
  readonly commonName?: string
  readonly organization?: string
  readonly names?: readonly string[]
  /** RFC 3986 names, as of workloads. */
  readonly uris?: readonly string[]
  readonly isAuthority?: boolean
  /** Whether it is for servers instead of clients. */
  readonly isForServers?: boolean
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
}

const DAY_MS = 86_400_000
const ECDSA_SHA256 = sequence(oid(1, 2, 840, 10045, 4, 3, 2))
const CLIENT_AUTH = oid(1, 3, 6, 1, 5, 5, 7, 3, 2)
const SERVER_AUTH = oid(1, 3, 6, 1, 5, 5, 7, 3, 1)

/** Signed by itself. */
export function rootCertificate(options: CertificateOptions = {}): TestCertificate {
  return makeCertificate({ isAuthority: true, commonName: 'test authority', ...options }, null)
}

interface Issuer {
  readonly name: Buffer
  readonly privateKey: KeyObject
}

function makeCertificate(options: CertificateOptions, issuer: Issuer | null): TestCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = nameOf(options)
  const now = Date.now()
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    issuer?.name ?? name,
    sequence(time(options.notBeforeMs ?? now - 60_000), time(options.notAfterMs ?? now + DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensionsOf(options))),
  )
  const signature = sign('sha256', body, issuer?.privateKey ?? privateKey)
  const der = sequence(body, ECDSA_SHA256, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: new X509Certificate(der).toString(),
    x5t: createHash('sha256').update(der).digest('base64url'),
    header: `:${der.toString('base64')}:`,
    issue: (of = {}) => makeCertificate({ commonName: 'test client', ...of }, { name, privateKey }),
  }
}

function nameOf({ commonName = 'test', organization }: CertificateOptions): Buffer {
  const attribute = (type: Buffer, value: string) => set(sequence(type, tagged(0x0c, Buffer.from(value))))
  const parts = organization === undefined ? [] : [attribute(oid(2, 5, 4, 10), organization)]
  return sequence(...parts, attribute(oid(2, 5, 4, 3), commonName))
}

function extensionsOf({
  names = [],
  uris = [],
  isAuthority = false,
  isForServers = false,
}: CertificateOptions): Buffer[] {
  const extension = (id: Buffer, value: Buffer) => sequence(id, tagged(0x04, value))
  if (isAuthority) return [extension(oid(2, 5, 29, 19), sequence(tagged(0x01, Buffer.from([0xff]))))]
  const alternatives = [...names.map(generalName), ...uris.map((uri) => tagged(0x86, Buffer.from(uri)))]
  return [
    extension(oid(2, 5, 29, 37), sequence(isForServers ? SERVER_AUTH : CLIENT_AUTH)),
    ...(alternatives.length === 0 ? [] : [extension(oid(2, 5, 29, 17), sequence(...alternatives))]),
  ]
}

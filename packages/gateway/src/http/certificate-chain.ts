import { X509Certificate } from 'node:crypto'

/** A leaf, its intermediates and an authority; nobody needs more. */
const CHAIN_LENGTH_MAX = 5
/** RFC 5280 §4.2.1.12: `id-kp-clientAuth`. */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/**
 * Whether one of these authorities vouches for a client certificate: issued step by step, everything in force now, every issuer allowed to
 * issue, and the leaf not made for something else than clients. It knows no revocation lists and no name constraints: where a proxy hands
 * certificates on, the proxy has checked those at its handshake.
 */
export function isVouchedFor(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  nowSeconds: number,
): boolean {
  if (!isInForce(leaf, nowSeconds)) return false
  // Node's `keyUsage` is the extended one. Absent: any use.
  const uses: readonly string[] | undefined = leaf.keyUsage
  if (uses !== undefined && !uses.includes(CLIENT_AUTH)) return false
  let subject = leaf
  for (let length = 1; length < CHAIN_LENGTH_MAX; length += 1) {
    if (authorities.some((authority) => issued(authority, subject, nowSeconds))) return true
    const issuer = intermediates.find((candidate) => issued(candidate, subject, nowSeconds))
    if (issuer === undefined) return false
    subject = issuer
  }
  return false
}

export function isInForce({ validFrom, validTo }: X509Certificate, nowSeconds: number): boolean {
  const from = Date.parse(validFrom) / 1000
  const to = Date.parse(validTo) / 1000
  return from <= nowSeconds && nowSeconds <= to
}

/** Every certificate of a PEM bundle. Throws when one cannot be read. */
export function readCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}

function issued(issuer: X509Certificate, subject: X509Certificate, nowSeconds: number): boolean {
  if (!issuer.ca || !isInForce(issuer, nowSeconds)) return false
  try {
    return subject.checkIssued(issuer) && subject.verify(issuer.publicKey)
  } catch {
    // A key or signature that OpenSSL cannot make sense of vouches for nothing.
    return false
  }
}

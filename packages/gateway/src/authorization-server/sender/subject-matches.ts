import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/** RFC 8705 §2.1.2: whether a certificate is for what the client registered. `property` is the name of the metadata member. */
export function subjectMatches(pem: string, property: string, expected: string): boolean {
  const certificate = new X509Certificate(pem)
  switch (property) {
    case 'tls_client_auth_subject_dn':
      return sameName(distinguishedName(certificate.subject), expected)
    case 'tls_client_auth_san_dns':
      // Exact: a wildcard stands for no client.
      return alternativeNames(certificate, 'DNS').some((name) => name.toLowerCase() === expected.toLowerCase())
    case 'tls_client_auth_san_uri':
      return alternativeNames(certificate, 'URI').includes(expected)
    case 'tls_client_auth_san_email':
      return alternativeNames(certificate, 'email').includes(expected)
    case 'tls_client_auth_san_ip':
      return (
        isIP(expected) !== 0 && alternativeNames(certificate, 'IP Address').some((name) => sameAddress(name, expected))
      )
    default:
      return false
  }
}

/** Node prints one attribute a line, in the order of the encoding and escaped as in RFC 4514, which lists them the other way round. */
function distinguishedName(subject: string | undefined): string {
  return (subject ?? '').split('\n').reverse().join(',')
}

/** The types of attributes have no case, and spaces around a comma or equals sign are no part of the name (RFC 4514 §3). */
function sameName(one: string, other: string): boolean {
  const [left, right] = [canonical(one), canonical(other)]
  return left !== null && left === right
}

function canonical(name: string): string | null {
  // Unescaped commas part the attributes.
  const attributes = name.match(/(?:\\.|[^,\\])+/g) ?? []
  const parts = attributes.map((attribute) => /^\s*([A-Za-z][\w.-]*|[\d.]+)\s*=\s*(.*?)\s*$/s.exec(attribute))
  if (parts.length === 0 || parts.some((part) => part === null)) return null
  return parts.map((part) => `${part?.[1]?.toUpperCase()}=${part?.[2]}`).join(',')
}

/** Names that Node had to quote hold something that a name has no use for; nobody is called that. */
function alternativeNames({ subjectAltName }: X509Certificate, kind: string): string[] {
  if (subjectAltName === undefined || subjectAltName.includes('"')) return []
  return subjectAltName
    .split(', ')
    .flatMap((name) => (name.startsWith(`${kind}:`) ? [name.slice(kind.length + 1)] : []))
}

function sameAddress(one: string, other: string): boolean {
  const [left, right] = [one, other].map((address) =>
    isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address.toLowerCase(),
  )
  return left === right
}

import { z } from 'zod'
import { ok, type Result, refused } from '#core/result.ts'

const NAME_CHARACTERS_MAX = 1_024
const name = z.string().min(1).max(NAME_CHARACTERS_MAX).optional()

/** RFC 8705 §2.1.2: what a certificate of the client has to be for. Exactly one of them. */
export const CERTIFICATE_SUBJECTS = {
  tls_client_auth_subject_dn: name,
  tls_client_auth_san_dns: name,
  tls_client_auth_san_uri: name,
  tls_client_auth_san_ip: name,
  tls_client_auth_san_email: name,
}

const MEMBERS = [
  'tls_client_auth_subject_dn',
  'tls_client_auth_san_dns',
  'tls_client_auth_san_uri',
  'tls_client_auth_san_ip',
  'tls_client_auth_san_email',
] as const

export interface CertificateSubjectWire {
  readonly tls_client_auth_subject_dn?: string
  readonly tls_client_auth_san_dns?: string
  readonly tls_client_auth_san_uri?: string
  readonly tls_client_auth_san_ip?: string
  readonly tls_client_auth_san_email?: string
}

type Sent = { readonly [M in (typeof MEMBERS)[number]]?: string | undefined }

/** Those that are there; the engine judges a certificate by the one. */
export function certificateSubject(sent: Sent): CertificateSubjectWire {
  return Object.fromEntries(MEMBERS.flatMap((member) => (sent[member] === undefined ? [] : [[member, sent[member]]])))
}

/** RFC 8705 §2.1.2. Without `tls_client_auth` the members mean nothing and are left out. Refuses with a sentence for the developer. */
export function acceptCertificateSubject(sent: Sent, authMethod: string): Result<CertificateSubjectWire, string> {
  if (authMethod !== 'tls_client_auth') return ok({})
  const subject = certificateSubject(sent)
  return Object.keys(subject).length === 1
    ? ok(subject)
    : refused(`tls_client_auth needs exactly one of: ${MEMBERS.join(', ')}.`)
}

/** RFC 8705 §2.2.2: the key with the certificate that the client will show. */
export function holdsCertificate(key: Readonly<Record<string, unknown>>): boolean {
  const { x5c } = key
  return Array.isArray(x5c) && x5c.length > 0 && x5c.every((item) => typeof item === 'string' && item !== '')
}

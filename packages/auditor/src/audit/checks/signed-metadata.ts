import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import type { Audit } from '../audit.ts'
import { fail, inconclusive, notApplicable, type Outcome, type Probe, pass } from '../probe.ts'
import { readKeys } from './read-keys.ts'

type Document = Readonly<Record<string, unknown>>

/** RFC 7518 §3.1, with what node:crypto calls it. */
const DIGESTS: Readonly<Record<string, string>> = {
  RS256: 'sha256',
  RS384: 'sha384',
  RS512: 'sha512',
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
}

/** `signed_metadata` of a document (RFC 9728 §2.2, RFC 8414 §2.1): signed by whom it names, and saying what the plain members say. */
export function signedMetadata(
  problem: string,
  find: (audit: Audit) => Document | null,
  identifier: 'resource' | 'issuer',
): Probe {
  return {
    name: 'signed',
    promise: 'metadata that is signed is what it says',
    problem,
    severity: 'high',
    run: async (audit) => {
      const document = find(audit)
      const jwt = document?.['signed_metadata']
      if (document === null || jwt === undefined) return notApplicable('nothing is signed')
      return judge(document, jwt, identifier, (await readKeys(audit)) ?? [])
    },
  }
}

function judge(document: Document, jwt: unknown, identifier: string, keys: readonly Document[]): Outcome {
  const parts = typeof jwt === 'string' ? jwt.split('.') : []
  const [header, claims] = [decoded(parts[0]), decoded(parts[1])]
  if (parts.length !== 3 || header === null || claims === null) return fail('signed_metadata is no signed JWT')
  if (typeof claims['iss'] !== 'string') return fail('it does not say who signed it')
  if (claims[identifier] !== document[identifier])
    return fail(`it is of ${JSON.stringify(claims[identifier]) ?? 'nobody'}`)
  const { alg, kid } = header
  const digest = typeof alg === 'string' ? DIGESTS[alg] : undefined
  if (alg === 'none' || parts[2] === '') return fail('it is not signed')
  if (digest === undefined) return inconclusive(`signed with ${String(alg)}, which is not checked here`)
  const fitting = keys.filter((key) => kid === undefined || key['kid'] === kid)
  // Who signs it may have keys of their own, which are nowhere named (RFC 9728 §2.2).
  if (fitting.length === 0) return inconclusive('it is signed with a key that is not published')
  const isSigned = fitting.some((key) => verifies(key, digest, `${parts[0]}.${parts[1]}`, parts[2] ?? ''))
  return isSigned ? pass(`signed by ${claims['iss']}`) : fail('its signature is not right')
}

function verifies(key: Document, digest: string, input: string, signature: string): boolean {
  try {
    const publicKey = createPublicKey({ key: key as JsonWebKey, format: 'jwk' })
    return verify(
      digest,
      Buffer.from(input),
      { key: publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    )
  } catch {
    return false
  }
}

function decoded(part = ''): Document | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Document) : null
  } catch {
    return null
  }
}

import { SignJWT } from 'jose'
import { openCanaryUpstream } from '#audit/upstream/canary-upstream.ts'
import { signingKeys } from '../reference/keys.ts'
import { VENDOR } from '../reference/site.ts'
import { type Reference, type ReferenceOptions, startReference } from '../reference/start.ts'
import type { Audited } from './audit-server.ts'

/** The reference with all that the auditor can be given for it: an upstream, a vendor's token, calls that may be made. */
export async function startWhole(options: ReferenceOptions = {}): Promise<Reference & Audited> {
  const upstream = await openCanaryUpstream(0)
  const reference = await startReference({ ...options, upstreamUrl: upstream.url })
  return {
    ...reference,
    isPatient: true,
    upstream,
    foreignTokens: [await vendorToken()],
    safeCalls: [
      { name: 'read_note', arguments: { id: 1 } },
      { name: 'write_note', arguments: { text: 'ask first' } },
      { name: 'write_note', arguments: { text: 'a note' } },
    ],
    async [Symbol.asyncDispose]() {
      await reference[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

/** Real, signed and in time, of somebody that this server has nothing to do with. */
function vendorToken(): Promise<string> {
  return new SignJWT({ scope: 'repo' })
    .setProtectedHeader({ alg: 'RS256', kid: 'vendor-1' })
    .setIssuer(VENDOR)
    .setSubject('alice')
    .setAudience('https://api.vendor.example.net')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(signingKeys().privateKey)
}

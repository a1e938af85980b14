import { isIP } from 'node:net'

/** Whom passkeys are made for (WebAuthn §5.1): from configuration alone. */
export interface RelyingParty {
  readonly id: string
  readonly origin: string
}

/** Null where P has an address instead of a name: browsers make no passkeys for those. */
export function relyingPartyOf(publicUrl: string): RelyingParty | null {
  const { hostname, origin } = new URL(publicUrl)
  return isIP(hostname) !== 0 || hostname.startsWith('[') ? null : { id: hostname, origin }
}

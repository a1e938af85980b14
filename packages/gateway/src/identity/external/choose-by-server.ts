import type { SnapshotSource } from '#core/snapshot.ts'
import type { AccessTokenVerifier } from '../access-tokens.ts'

/**
 * Whose tokens open a server is the configuration's word about the server, never the token's: at one whose tokens others issue, ours and API
 * keys are unknown texts, and the other way round.
 */
export function chooseByServer(
  snapshots: SnapshotSource,
  ours: AccessTokenVerifier,
  external: AccessTokenVerifier,
): AccessTokenVerifier {
  return {
    // Expiry, revocation and audience are one judgement for both.
    judge: (principal, resource) => ours.judge(principal, resource),
    verify: (token, resource, address) => {
      const server = [...snapshots.current().servers.values()].find((one) => one.resource === resource)
      return (server?.external == null ? ours : external).verify(token, resource, address)
    },
  }
}

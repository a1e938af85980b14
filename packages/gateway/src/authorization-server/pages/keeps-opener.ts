import type { Snapshot } from '#core/snapshot.ts'
import type { Interaction } from '../interactions.ts'

/** Whether the client is a web page that the operator has listed: it may have opened us in a window and wait for its opener. Pure. */
export function keepsOpener(interaction: Interaction, snapshot: Snapshot): boolean {
  const origin = URL.parse(interaction.redirectUri ?? '')?.origin
  return origin !== undefined && origin !== 'null' && snapshot.allowedOrigins.has(origin)
}

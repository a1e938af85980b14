import { Secret } from '#core/secret.ts'
import type { UpstreamSpec } from '#core/snapshot.ts'

/** Whether two entries lead to the same place in the same way, credential included. */
export function sameUpstream(a: UpstreamSpec, b: UpstreamSpec): boolean {
  return describe(a) === describe(b)
}

function describe(spec: UpstreamSpec): string {
  if (spec.kind === 'http') return JSON.stringify([spec.kind, spec.url, spec.network, values(spec.headers)])
  return JSON.stringify([spec.kind, spec.command, spec.args, spec.cwd, values(spec.env)])
}

/** Compared, never kept or shown. */
function values(map: ReadonlyMap<string, string | Secret>): [string, string][] {
  return [...map].map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value])
}

import type { AuditReport } from './model.ts'

type Observations = AuditReport['observations']

/** What is not as it was at the run before, one line each; empty when nothing changed. A list that could not be read is not compared. */
export function driftBetween(before: Observations, after: Observations): string[] {
  return [
    ...members('era', before.eras, after.eras),
    ...members('authorization server', before.authorizationServers, after.authorizationServers),
    ...members('scope', before.scopes, after.scopes),
    ...entries('metadata', before.metadata, after.metadata),
    ...(before.tools === null || after.tools === null ? [] : entries('tool', before.tools, after.tools)),
  ]
}

function members(what: string, before: readonly string[], after: readonly string[]): string[] {
  return [
    ...after.filter((one) => !before.includes(one)).map((one) => `new ${what}: ${one}`),
    ...before.filter((one) => !after.includes(one)).map((one) => `${what} gone: ${one}`),
  ]
}

/** Hashes by name: what is the same has the same. */
function entries(
  what: string,
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] {
  const changed = Object.entries(after).filter(([name, hash]) => before[name] !== undefined && before[name] !== hash)
  return [
    ...members(what, Object.keys(before), Object.keys(after)),
    ...changed.map(([name]) => `${what} changed: ${name}`),
  ]
}

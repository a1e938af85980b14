import { parseScope } from '#policy/scopes.ts'
import type { Configuration } from './schema.ts'

/** What is wrong with a scope of the configuration; null when it names something that is there. */
export function scopeProblem(text: string, servers: Configuration['servers']): string | null {
  const scope = parseScope(text)
  if (scope === null) return 'This is not a scope.'
  const server = Object.hasOwn(servers, scope.server) ? servers[scope.server] : undefined
  if (server === undefined) return `There is no server \`${scope.server}\`.`
  // Tokens for it are issued elsewhere, so nobody could be given it here.
  if (server.authorization !== undefined) return `Tokens for \`${scope.server}\` are issued elsewhere.`
  const hasScope = scope.kind === 'class' || server.tools[scope.tool]?.scope === true
  return hasScope ? null : 'This tool has no scope of its own.'
}

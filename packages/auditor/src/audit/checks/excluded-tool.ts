import type { Audit } from '../audit.ts'
import type { Era } from '../target/mcp-message.ts'

export interface ExcludedTool {
  readonly name: string
  readonly era: Era
  /** A token that should not be enough for it. */
  readonly token: string
  readonly scopes: readonly string[]
  readonly allowed: string | null
}

/**
 * A tool that the least token should not be allowed to call: one that is listed to a token with every scope and not to it; or, where lists
 * are the same for all, one whose call is refused to it. Null where there is none.
 */
export async function excludedTool(audit: Audit, era: Era = audit.eras[0] ?? 'modern'): Promise<ExcludedTool | null> {
  const [full, least] = [await audit.logins.full(0), await audit.logins.least(0)]
  const [all, few] = [await audit.toolsFor(full.accessToken, era), await audit.toolsFor(least.accessToken, era)]
  const names = new Set(few.map(({ name }) => name))
  const hidden = all.find(({ name }) => !names.has(name))
  const more = full.scopes.filter(
    (scope) => !least.scopes.includes(scope) && scope !== 'openid' && scope !== 'offline_access',
  )
  const changing = all.find(
    ({ definition }) =>
      (definition['annotations'] as { destructiveHint?: unknown } | undefined)?.destructiveHint === true,
  )
  // Where every tool is listed to everybody and the scopes differ, the most dangerous one is the one to ask for.
  const excluded = hidden ?? (more.length > 0 ? changing : undefined)
  if (excluded === undefined) return null
  return { name: excluded.name, era, token: least.accessToken, scopes: least.scopes, allowed: few[0]?.name ?? null }
}

import type { Audit } from '../audit.ts'
import type { Era } from '../target/mcp-message.ts'
import { unfitArguments } from './unfit-arguments.ts'

export interface ExcludedTool {
  readonly name: string
  readonly era: Era
  /** A token that should not be enough for it. */
  readonly token: string
  readonly scopes: readonly string[]
  readonly allowed: string | null
  /** With these it does nothing, whoever calls it. */
  readonly unfit: Readonly<Record<string, unknown>>
}

/** Of a longer list the first ones are asked. */
const TOOLS_MAX = 25

/** The first of them. Null where there is none. */
export async function excludedTool(audit: Audit, era: Era = audit.eras[0] ?? 'modern'): Promise<ExcludedTool | null> {
  return (await excludedTools(audit, era)).tools[0] ?? null
}

/**
 * Tools that the least token should not be allowed to call: those that are listed to a token with every scope and not to it; or, where lists are
 * the same for all, those that say that they destroy. `left` counts those that are not asked: they are too many, or could not be called without
 * effect.
 */
export async function excludedTools(
  audit: Audit,
  era: Era,
): Promise<{ readonly tools: readonly ExcludedTool[]; readonly left: number }> {
  const [full, least] = [await audit.logins.full(0), await audit.logins.least(0)]
  const [all, few] = [await audit.toolsFor(full.accessToken, era), await audit.toolsFor(least.accessToken, era)]
  const names = new Set(few.map(({ name }) => name))
  const hidden = all.filter(({ name }) => !names.has(name))
  const more = full.scopes.filter(
    (scope) => !least.scopes.includes(scope) && scope !== 'openid' && scope !== 'offline_access',
  )
  const changing = all.filter(
    ({ definition }) =>
      (definition['annotations'] as { destructiveHint?: unknown } | undefined)?.destructiveHint === true,
  )
  // Where every tool is listed to everybody and the scopes differ, the most dangerous ones are what to ask for.
  const excluded = hidden.length > 0 ? hidden : more.length > 0 ? changing : []
  const tools = excluded.flatMap(({ name, definition }): ExcludedTool[] => {
    const unfit = unfitArguments(definition['inputSchema'])
    const { accessToken: token, scopes } = least
    return unfit === null ? [] : [{ name, era, token, scopes, allowed: few[0]?.name ?? null, unfit }]
  })
  return { tools: tools.slice(0, TOOLS_MAX), left: excluded.length - Math.min(tools.length, TOOLS_MAX) }
}

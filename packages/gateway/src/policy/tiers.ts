import type { ProtectedResource } from '#core/snapshot.ts'
import { TIERS, type Tier } from '#core/tiers.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import { isAdminApi } from './admin-api.ts'
import { classContains, parseScope } from './scopes.ts'

const TIER_OF_CLASS: Readonly<Record<ToolClass, Tier>> = {
  read: 'low',
  write: 'standard',
  send: 'standard',
  financial: 'sensitive',
  destructive: 'privileged',
  execute: 'privileged',
  admin: 'privileged',
}

/**
 * The tier of a scope at this resource: of its class or tool, as the operator says, and never laxer than a tool that it opens. What is no
 * scope of this resource, or of a tool that nobody has classified, is taken for the strictest. Pure.
 */
export function tierOf(text: string, resource: ProtectedResource): Tier {
  const scope = parseScope(text)
  if (scope === null || scope.server !== resource.id) return 'privileged'
  // Whoever changes the gateway itself (ADR 0008).
  if (isAdminApi(resource)) return scope.kind === 'class' && scope.toolClass === 'read' ? 'low' : 'privileged'
  if (scope.kind === 'tool') return tierOfTool(scope.tool, resource)
  const opened = [...resource.toolClasses].filter(([, toolClass]) => classContains(scope.toolClass, toolClass))
  return strictest([TIER_OF_CLASS[scope.toolClass], ...opened.map(([tool]) => tierOfTool(tool, resource))])
}

/** The tier of what a call does: of its tool, or of the class of its method. Pure. */
export function tierOfCall(toolClass: ToolClass, tool: string | null, resource: ProtectedResource): Tier {
  if (isAdminApi(resource)) return toolClass === 'read' ? 'low' : 'privileged'
  const ofClass = TIER_OF_CLASS[toolClass]
  return tool === null ? ofClass : strictest([ofClass, resource.toolTiers?.get(tool) ?? ofClass])
}

function tierOfTool(tool: string, { toolTiers, toolClasses }: ProtectedResource): Tier {
  const toolClass = toolClasses.get(tool)
  return toolTiers?.get(tool) ?? (toolClass === undefined ? 'privileged' : TIER_OF_CLASS[toolClass])
}

function strictest(tiers: readonly Tier[]): Tier {
  return tiers.reduce((a, b) => (TIERS.indexOf(a) >= TIERS.indexOf(b) ? a : b))
}

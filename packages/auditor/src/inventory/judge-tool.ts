import { classifyTool, type ToolClass } from '@sallyport/inspect'
import type { InventoriedTool } from './inventory-report.ts'
import { type Remark, remark } from './judge-server.ts'
import type { ListedTool } from './list-tools.ts'
import { safeText } from './safe-text.ts'

/** Risk follows the class, as the tiers of Sallyport's tokens do. */
const RISKS: Readonly<Record<ToolClass, InventoriedTool['risk']>> = {
  read: 'low',
  write: 'standard',
  send: 'standard',
  financial: 'sensitive',
  destructive: 'privileged',
  execute: 'privileged',
  admin: 'privileged',
}

/** Calls of these the user should see coming. */
const FAR_REACHING: readonly ToolClass[] = ['destructive', 'execute', 'financial', 'admin']

export interface ToolJudgement {
  readonly tool: InventoriedTool
  readonly remarks: readonly Remark[]
}

/** What a tool's definition shows, and what its answer held if it was called. Pure. */
export function judgeTool(
  listed: ListedTool,
  approvedTools: readonly string[] | 'all',
  outputSecrets: InventoriedTool['outputSecrets'],
): ToolJudgement {
  const { toolClass, reasons } = classifyTool(listed)
  const { total, bounded, hasConfirmation } = readBounds(listed.inputSchema)
  const isApproved = approvedTools === 'all' || approvedTools.includes(listed.name)
  const confirmation = hasConfirmation ? 'parameter' : isApproved || seemsHarmless(listed) ? 'none' : 'client'
  const name = safeText(listed.name, 128)
  const remarks: Remark[] = []
  if (FAR_REACHING.includes(toolClass) && confirmation === 'none')
    remarks.push(
      remark(
        'inventory.destructive-without-confirmation',
        isApproved ? `${toolClass}, and the client has it approved` : `${toolClass}, and annotated as harmless`,
        { tool: name },
      ),
    )
  if (toolClass !== 'read' && total > 0 && bounded === 0)
    remarks.push(remark('inventory.tool-unconstrained', `none of ${total} parameters is bounded`, { tool: name }))
  if (listed.annotations?.readOnlyHint === true && toolClass !== 'read')
    remarks.push(
      remark('inventory.annotation-contradicts', `${toolClass}: ${safeText(reasons[0] ?? '')}`, { tool: name }),
    )
  for (const { kind, hash } of outputSecrets ?? [])
    remarks.push(remark('inventory.output-leaks-secret', `${kind} (${hash})`, { tool: name, key: hash }))
  return {
    tool: {
      name,
      toolClass,
      risk: RISKS[toolClass],
      reasons: reasons.map((reason) => safeText(reason)),
      parameters: total,
      boundedParameters: bounded,
      hasAnnotations: listed.annotations !== undefined,
      confirmation,
      outputSecrets,
    },
    remarks,
  }
}

/** MCP's defaults are destructive and open: only a server that says otherwise makes a client stop asking. */
function seemsHarmless({ annotations }: ListedTool): boolean {
  return annotations?.readOnlyHint === true || annotations?.destructiveHint === false
}

const BOUNDS = [
  'enum',
  'const',
  'pattern',
  'maxLength',
  'maximum',
  'exclusiveMaximum',
  'maxItems',
  'format',
  'contentMediaType',
]
const CONFIRMATIONS = /^(?:confirm(?:ed|ation)?|i_?am_?sure|dry_?run|preview|approval(?:_?(?:id|token))?)$/i
const PARAMETERS_MAX = 256

function readBounds(schema: unknown): { total: number; bounded: number; hasConfirmation: boolean } {
  const properties = isRecord(schema) && isRecord(schema['properties']) ? Object.entries(schema['properties']) : []
  const required = isRecord(schema) && Array.isArray(schema['required']) ? schema['required'] : []
  const looked = properties.slice(0, PARAMETERS_MAX)
  return {
    total: looked.length,
    bounded: looked.filter(([, property]) => isBounded(property)).length,
    hasConfirmation: looked.some(([name]) => CONFIRMATIONS.test(name) && required.includes(name)),
  }
}

function isBounded(property: unknown): boolean {
  if (!isRecord(property)) return false
  if (property['type'] === 'boolean' || property['type'] === 'null') return true
  return BOUNDS.some((bound) => Object.hasOwn(property, bound))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

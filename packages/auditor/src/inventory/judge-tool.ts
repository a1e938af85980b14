import { classifyTool, type ToolClass } from '@sallyport/inspect'
import type { InventoriedTool, Risk } from './inventory-report.ts'
import { type Verdict, verdict } from './judge-server.ts'
import type { ListedTool } from './list-tools.ts'
import { printable } from './printable.ts'

/** Risk follows the class, as the tiers of Sallyport's tokens do. */
const RISKS: Readonly<Record<ToolClass, Risk>> = {
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
  readonly verdicts: readonly Verdict[]
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
  const name = printable(listed.name, 128)
  const verdicts: Verdict[] = []
  if (FAR_REACHING.includes(toolClass) && confirmation === 'none')
    verdicts.push(
      verdict(
        'inventory.destructive-without-confirmation',
        isApproved ? `${toolClass}, and the client has it approved` : `${toolClass}, and annotated as harmless`,
        undefined,
        name,
      ),
    )
  if (toolClass !== 'read' && total > 0 && bounded === 0)
    verdicts.push(verdict('inventory.tool-unconstrained', `none of ${total} parameters is bounded`, undefined, name))
  if (listed.annotations?.readOnlyHint === true && toolClass !== 'read')
    verdicts.push(
      verdict('inventory.annotation-contradicts', `${toolClass}: ${printable(reasons[0] ?? '')}`, undefined, name),
    )
  for (const { kind, hash } of outputSecrets ?? [])
    verdicts.push(verdict('inventory.output-leaks-secret', `${kind} (${hash})`, undefined, name))
  return {
    tool: {
      name,
      toolClass,
      risk: RISKS[toolClass],
      reasons: reasons.map((reason) => printable(reason)),
      parameters: total,
      boundedParameters: bounded,
      hasAnnotations: listed.annotations !== undefined,
      confirmation,
      outputSecrets,
    },
    verdicts,
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

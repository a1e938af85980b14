import { findSecrets } from '@sallyport/inspect'
import type { ConfiguredServer } from './configured-server.ts'
import { shortHash } from './find-plain-secrets.ts'
import type { InventoriedTool, ToolsRead } from './inventory-report.ts'
import type { Remark } from './judge-server.ts'
import { judgeTool } from './judge-tool.ts'
import { type Connection, listTools, type ToolsListed, Unanswered } from './list-tools.ts'

/** A tool that the user calls safe to call, and what to call it with. */
export interface SafeCall {
  readonly server: string
  readonly tool: string
  readonly arguments: Readonly<Record<string, unknown>>
}

const OUTPUT_CHARACTERS_MAX = 256 * 1024
const OUTPUT_SECRETS_MAX = 20

/**
 * Asks one server for its tools and judges them; calls a tool only where the user named it safe. Without `connect`
 * nothing happens. A server that can't be asked is reported, never thrown.
 */
export async function visitServer(
  { approvedTools }: ConfiguredServer,
  safeCalls: readonly SafeCall[],
  connect: (() => Promise<Connection>) | null,
): Promise<{ tools: ToolsRead; remarks: readonly Remark[] }> {
  if (connect === null) return { tools: { kind: 'notAsked' }, remarks: [] }
  let connection: Connection | null = null
  try {
    connection = await connect()
    const listed = await listTools(connection)
    const judged = []
    for (const tool of listed.tools) {
      const call = safeCalls.find((one) => one.tool === tool.name)
      judged.push(judgeTool(tool, approvedTools, call === undefined ? null : await sample(listed, call)))
    }
    return {
      tools: { kind: 'listed', tools: judged.map((one) => one.tool), isComplete: listed.isComplete },
      remarks: judged.flatMap((one) => one.remarks),
    }
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error
    return { tools: { kind: 'failed', reason: error.message }, remarks: [] }
  } finally {
    await connection?.close()
  }
}

async function sample(listed: ToolsListed, call: SafeCall): Promise<InventoriedTool['outputSecrets']> {
  const text = textsIn(await listed.call(call.tool, call.arguments)).slice(0, OUTPUT_CHARACTERS_MAX)
  return findSecrets(text)
    .slice(0, OUTPUT_SECRETS_MAX)
    .map(({ kind, start, end }) => ({ kind, hash: shortHash(text.slice(start, end)) }))
}

/** All texts of a result, a line each, so that escapes of JSON hide nothing. */
function textsIn(result: unknown): string {
  const lines: string[] = []
  let length = 0
  const pending: unknown[] = [result]
  while (pending.length > 0 && length < OUTPUT_CHARACTERS_MAX) {
    const value = pending.pop()
    if (typeof value === 'string') {
      lines.push(value)
      length += value.length
    } else if (Array.isArray(value)) pending.push(...value.slice(0, OUTPUT_CHARACTERS_MAX).toReversed())
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value).toReversed())
        pending.push(typeof inner === 'string' ? `${key}: ${inner}` : inner)
    }
  }
  return lines.join('\n')
}

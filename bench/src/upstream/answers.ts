import { type PayloadSize, payloadText, TOOL_NAMES, toolDefinitions, toolName } from '../payload.ts'

/** A JSON-RPC request as the benchmark's own clients send it. */
export interface Asked {
  readonly id?: string | number
  readonly method: string
  readonly params?: { readonly name?: string; readonly protocolVersion?: string }
}

const RESULTS = new Map<string, string>()
for (const size of ['small', 'medium', 'large'] as const satisfies PayloadSize[]) {
  const result = JSON.stringify({ content: [{ type: 'text', text: payloadText(size) }] })
  RESULTS.set(toolName(size, 'json'), result)
  RESULTS.set(toolName(size, 'sse'), result)
}

export const LOG_MESSAGE: string = JSON.stringify({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level: 'info', data: 'working on it' },
})

/** The JSON text of the answer, printed once per process but for its id; null for notifications. */
export function answerText(asked: Asked): string | null {
  if (asked.id === undefined) return null
  return `{"jsonrpc":"2.0","id":${JSON.stringify(asked.id)},"result":${resultText(asked)}}`
}

function resultText({ method, params }: Asked): string {
  if (method === 'initialize') {
    return JSON.stringify({
      protocolVersion: params?.protocolVersion ?? '2025-06-18',
      capabilities: { tools: {}, logging: {} },
      serverInfo: { name: 'bench', version: '1' },
    })
  }
  if (method === 'tools/list') return JSON.stringify({ tools: toolDefinitions() })
  if (method === 'tools/call') return RESULTS.get(params?.name ?? '') ?? JSON.stringify({ content: [], isError: true })
  return '{}'
}

export function isSse(tool: string | undefined): boolean {
  return tool?.endsWith('_sse') === true && TOOL_NAMES.includes(tool)
}

import { type PayloadSize, payloadText, toolDefinitions, toolName } from '../payload.ts'

/** A JSON-RPC request as the benchmark's own clients send it. */
export interface Asked {
  readonly id?: string | number
  readonly method: string
  readonly params?: { readonly name?: string; readonly protocolVersion?: string }
}

const CONTENTS = new Map<string, string>()
for (const size of ['small', 'medium', 'large'] as const satisfies PayloadSize[]) {
  const content = JSON.stringify([{ type: 'text', text: payloadText(size) }])
  CONTENTS.set(toolName(size, 'json'), content)
  CONTENTS.set(toolName(size, 'sse'), content)
}
const MODERN_REVISION = '2026-07-28'
const CACHEABLE = { resultType: 'complete', ttlMs: 3_600_000, cacheScope: 'private' }

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

/** The same in the revision without sessions. */
export function modernAnswerText(asked: Asked): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(asked.id)},${modernOutcomeText(asked)}}`
}

export function isSse({ method, params }: Asked): boolean {
  return method === 'tools/call' && params?.name?.endsWith('_sse') === true
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
  if (method !== 'tools/call') return '{}'
  const content = CONTENTS.get(params?.name ?? '')
  return content === undefined ? '{"content":[],"isError":true}' : `{"content":${content}}`
}

function modernOutcomeText({ method, params }: Asked): string {
  if (method === 'server/discover') {
    const found = { ...CACHEABLE, supportedVersions: [MODERN_REVISION], capabilities: { tools: {}, logging: {} } }
    return `"result":${JSON.stringify(found)}`
  }
  if (method === 'tools/list') return `"result":${JSON.stringify({ ...CACHEABLE, tools: toolDefinitions() })}`
  const content = method === 'tools/call' ? CONTENTS.get(params?.name ?? '') : undefined
  if (content === undefined) return '"error":{"code":-32602,"message":"no such thing"}'
  return `"result":{"resultType":"complete","content":${content}}`
}

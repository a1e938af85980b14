/** A tool as a server lists it; nothing in it is believed. */
export interface ListedTool {
  readonly name: string
  readonly title?: string | undefined
  readonly description?: string | undefined
  readonly inputSchema?: unknown
  readonly annotations?:
    | { readonly readOnlyHint?: boolean | undefined; readonly destructiveHint?: boolean | undefined }
    | undefined
}

/** One JSON-RPC request and its result. Throws `Unanswered` when there is none; the connection is then of no use. */
export interface Connection {
  request(method: string, params: Readonly<Record<string, unknown>>): Promise<unknown>
  notify(method: string): Promise<void>
  close(): Promise<void>
}

/** Why a server could not be asked; the words are ours. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
}

export const TOOLS_MAX = 1000
const PAGES_MAX = 50
const LEGACY_REVISION = '2025-11-25'
const MODERN_REVISION = '2026-07-28'
const ME = { name: 'sallyport-audit', version: '0.1.0' }

export interface ToolsListed {
  readonly tools: readonly ListedTool[]
  readonly isComplete: boolean
  readonly call: (name: string, args: Readonly<Record<string, unknown>>) => Promise<unknown>
}

/**
 * Asks a server for its tools, in both eras of the protocol: `initialize` as revisions to 2025-11-25 want it, and where
 * that is refused each request with its own `_meta` (2026-07-28). Nothing is called here.
 */
export async function listTools(connection: Connection): Promise<ToolsListed> {
  const meta = await beginSession(connection)
  const request = (method: string, params: Record<string, unknown>): Promise<unknown> =>
    connection.request(method, meta === null ? params : { ...params, _meta: meta })
  const tools: ListedTool[] = []
  let cursor: string | null = null
  for (let page = 0; page < PAGES_MAX; page++) {
    const result = await request('tools/list', cursor === null ? {} : { cursor })
    if (!isRecord(result) || !Array.isArray(result['tools']))
      throw new Unanswered('tools/list was answered without tools')
    for (const tool of result['tools']) if (tools.length < TOOLS_MAX) tools.push(...readTool(tool))
    const next = result['nextCursor']
    if (typeof next !== 'string' || next === '' || next === cursor) return { tools, isComplete: true, call }
    if (tools.length >= TOOLS_MAX) break
    cursor = next
  }
  return { tools, isComplete: false, call }

  function call(name: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    return request('tools/call', { name, arguments: args })
  }
}

/** The `_meta` that each request needs in the modern era, null in the legacy one. */
async function beginSession(connection: Connection): Promise<Record<string, unknown> | null> {
  try {
    await connection.request('initialize', { protocolVersion: LEGACY_REVISION, capabilities: {}, clientInfo: ME })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return {
      'io.modelcontextprotocol/protocolVersion': MODERN_REVISION,
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': ME,
    }
  }
  await connection.notify('notifications/initialized')
  return null
}

/** The server answered with an error: it is there, and did not do what was asked. */
export class Refused extends Unanswered {}

function readTool(tool: unknown): ListedTool[] {
  if (!isRecord(tool) || typeof tool['name'] !== 'string') return []
  const annotations = tool['annotations']
  return [
    {
      name: tool['name'],
      description: typeof tool['description'] === 'string' ? tool['description'] : undefined,
      inputSchema: tool['inputSchema'],
      ...(isRecord(annotations)
        ? {
            annotations: {
              readOnlyHint: booleanOf(annotations['readOnlyHint']),
              destructiveHint: booleanOf(annotations['destructiveHint']),
            },
          }
        : {}),
    },
  ]
}

/** The result of an answer to our request, or why there is none; null when the message is not the answer. */
export function readAnswer(message: unknown, id: number): { readonly result: unknown } | Refused | null {
  if (!isRecord(message) || message['id'] !== id || typeof message['method'] === 'string') return null
  if (isRecord(message['error'])) {
    const code = message['error']['code']
    return new Refused(`it was refused with the error ${typeof code === 'number' ? code : 'without a code'}`)
  }
  return 'result' in message ? { result: message['result'] } : new Refused('the answer has neither result nor error')
}

function booleanOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

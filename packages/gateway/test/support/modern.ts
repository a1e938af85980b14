import type { IncomingMessage } from 'node:http'
import type { GatewayOptions } from './data-plane.ts'
import { type DataPlaneGateway, startDataPlane } from './data-plane.ts'
import { BASE_HEADERS, open, type RawAnswer, readAnswer } from './raw-client.ts'
import { type Script, type ScriptedUpstream, startScriptedUpstream } from './upstream-http.ts'

type Message = Record<string, unknown>

export const REVISION = '2026-07-28'

/** What an upstream of 2026-07-28 answers where the test's own script does not. */
const DISCOVERED = {
  resultType: 'complete',
  supportedVersions: [REVISION],
  capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true } },
  ttlMs: 3_600_000,
  cacheScope: 'public',
}

const TOOLS = ['get_thing', 'write_thing', 'delete_thing'].map((name) => ({
  name,
  inputSchema: {
    type: 'object',
    properties: { id: { type: 'string', 'x-mcp-header': 'Id' }, count: { type: 'integer', 'x-mcp-header': 'Count' } },
  },
}))

export interface ModernPair {
  readonly gateway: DataPlaneGateway
  readonly upstream: ScriptedUpstream
  readonly url: string
  close(): Promise<void>
}

/** An upstream of 2026-07-28 that does what the script says, and else what is usual. */
export function startModernUpstream(script: Script = () => false): Promise<ScriptedUpstream> {
  return startScriptedUpstream(async (context) => {
    if (await script(context)) return true
    const { body, json } = context
    const answer = (result: Message) => {
      json({ jsonrpc: '2.0', id: body['id'], result })
      return true
    }
    if (body['method'] === 'server/discover') return answer(DISCOVERED)
    if (body['method'] === 'tools/list') {
      return answer({ resultType: 'complete', tools: TOOLS, ttlMs: 3_600_000, cacheScope: 'public' })
    }
    if (body['method'] === 'tools/call') {
      return answer({ resultType: 'complete', content: [{ type: 'text', text: 'done' }] })
    }
    return false
  })
}

/** A gateway before one upstream of 2026-07-28, server `notes`. */
export async function startModernPair(
  script: Script = () => false,
  options: Omit<GatewayOptions, 'servers'> = {},
): Promise<ModernPair> {
  const upstream = await startModernUpstream(script)
  const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
  const gateway = await startDataPlane({ ...options, servers: { notes: { upstream: entry } } })
  const close = async () => {
    await gateway.close()
    await upstream.close()
  }
  return { gateway, upstream, url: gateway.url('notes'), close }
}

export interface ModernAsk {
  readonly method: string
  readonly params?: Message
  readonly id?: number | string
  readonly token?: string
  /** Beside what the protocol wants. */
  readonly meta?: Message
  /** Replaces or adds; undefined leaves out. */
  readonly headers?: Readonly<Record<string, string | undefined>>
}

/** One request as a client of 2026-07-28 makes it. */
export async function ask(url: string, request: ModernAsk): Promise<RawAnswer> {
  return await readAnswer(await begin(url, request))
}

/** The same, with the answer's body still to come. */
export function begin(
  url: string,
  { method, params = {}, id = 1, token = 'token-alice', meta, headers }: ModernAsk,
): Promise<IncomingMessage> {
  const name = params['name'] ?? params['uri']
  const all: Record<string, string | undefined> = {
    ...BASE_HEADERS,
    authorization: `Bearer ${token}`,
    'mcp-protocol-version': REVISION,
    'mcp-method': method,
    'mcp-name': typeof name === 'string' ? name : undefined,
    ...headers,
  }
  const sent = Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => !!entry[1]))
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': REVISION,
    'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
    ...meta,
  }
  return open(url, 'POST', sent, { jsonrpc: '2.0', id, method, params: { ...params, _meta } })
}

import type { Incoming, Reply } from '../http.ts'
import type { Resource, Site } from '../site.ts'
import type { Caller } from './authenticate.ts'
import { dispatch, failure, type Message } from './dispatch.ts'

const VERSION = '2026-07-28'
const META = 'io.modelcontextprotocol/'
const NAMED_BY: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

/** 2026-07-28: everything stands in the request, and the headers say what the body says. */
export function answerModern(
  site: Site,
  resource: Resource,
  caller: Caller,
  { headers }: Incoming,
  message: Message,
): Reply {
  const meta = metaOf(message)
  const version = meta[`${META}protocolVersion`]
  if (version !== VERSION)
    return failure({ message }, 400, -32022, 'Unsupported protocol version', {
      supported: [VERSION],
      requested: version,
    })
  if (typeof meta[`${META}clientCapabilities`] !== 'object')
    return failure({ message }, 400, -32602, 'clientCapabilities are missing')
  const nameInHeader = decodeName(headers['mcp-name'])
  const named = NAMED_BY[message.method]
  const isMirrored =
    headers['mcp-protocol-version'] === version &&
    headers['mcp-method'] === message.method &&
    (named === undefined || nameInHeader === message.params[named])
  if (!isMirrored && !believesHeaders(site)) return failure({ message }, 400, -32020, 'Header mismatch')
  if (message.id === null) return { status: 202 }
  return dispatch(site, { era: 'modern', resource, caller, message, nameInHeader })
}

function believesHeaders(site: Site): boolean {
  return site.flawed('believes-name-in-header') || site.flawed('headers-not-compared')
}

export function metaOf({ params }: Message): Record<string, unknown> {
  const meta = params['_meta']
  return typeof meta === 'object' && meta !== null ? (meta as Record<string, unknown>) : {}
}

export function saysModern(message: Message, { headers }: Incoming): boolean {
  return `${META}protocolVersion` in metaOf(message) || headers['mcp-protocol-version'] === VERSION
}

function decodeName(value: string | string[] | undefined): string | null {
  if (typeof value !== 'string') return null
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1]
  return encoded === undefined ? value : Buffer.from(encoded, 'base64').toString('utf8')
}

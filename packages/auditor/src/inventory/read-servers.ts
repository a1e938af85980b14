import type { ServersAt } from './clients/client.ts'
import type { ConfiguredServer, Transport } from './configured-server.ts'

export const SERVERS_PER_FILE_MAX = 500
const ARGUMENTS_MAX = 256
const NAMES_MAX = 256
const TEXTS_MAX = 512
const DEPTH_MAX = 5

export interface ServersRead {
  readonly servers: readonly ConfiguredServer[]
  /** Names of entries that say neither what to start nor what to call. */
  readonly unreadable: readonly string[]
  /** False when the file holds more than is looked at. */
  readonly isComplete: boolean
}

/**
 * The servers that a parsed configuration names, whichever client's words it uses. Several places may be given; the root
 * (`[]`) counts only where no other place holds servers, and there only entries that look like servers.
 */
export function readServers(value: unknown, at: readonly ServersAt[]): ServersRead {
  const named = at.filter((path) => path.length > 0).flatMap((path) => valuesAt(value, path))
  const isRootOnly = named.length === 0 && at.some((path) => path.length === 0)
  const entries = (isRootOnly ? [value] : named).flatMap((holder) => entriesOf(holder))
  const looked = entries.slice(0, SERVERS_PER_FILE_MAX)
  const servers: ConfiguredServer[] = []
  const unreadable: string[] = []
  for (const [name, entry] of looked) {
    if (isRecord(entry) && isBuiltIn(entry)) continue
    const server = isRecord(entry) ? readServer(name, entry) : null
    if (server !== null) servers.push(server)
    else if (!isRootOnly) unreadable.push(name)
  }
  return { servers, unreadable, isComplete: looked.length === entries.length }
}

function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  const [key, ...rest] = path
  if (key === undefined) return [value]
  if (!isRecord(value)) return []
  if (key === '*') return Object.values(value).flatMap((inner) => valuesAt(inner, rest))
  return Object.hasOwn(value, key) ? valuesAt(value[key], rest) : []
}

/** A map by name, or a list whose entries carry their name. */
function entriesOf(holder: unknown): (readonly [string, unknown])[] {
  if (Array.isArray(holder))
    return holder.map((entry: unknown, index) => [
      (isRecord(entry) ? firstText(entry, ['name', 'key', 'id']) : null) ?? `#${index + 1}`,
      entry,
    ])
  return isRecord(holder) ? Object.entries(holder) : []
}

/** Goose lists what it has built in beside the servers of the user. */
function isBuiltIn(entry: Record<string, unknown>): boolean {
  return ['builtin', 'platform', 'frontend', 'inline_python'].includes(firstText(entry, ['type']) ?? '')
}

function readServer(name: string, outer: Record<string, unknown>): ConfiguredServer | null {
  // Older files of Continue put all that matters into `transport`; older ones of Zed into `command`.
  const inner = [outer['transport'], outer['command']].find((value) => isRecord(value))
  const entry = isRecord(inner) ? { ...outer, ...inner, command: inner['path'] ?? inner['command'] } : outer
  const [command = null, ...led] = texts(entry['command'] ?? entry['cmd'])
  const url = firstText(entry, ['url', 'serverUrl', 'httpUrl', 'uri', 'endpoint'])
  if (command === null && url === null) return null
  return {
    name,
    transport: transportOf(entry, command, url),
    command,
    args: [...led, ...texts(entry['args'])].slice(0, ARGUMENTS_MAX),
    url,
    environment: textMap(entry['env'] ?? entry['envs'] ?? entry['environment']),
    headers: headersOf(entry),
    isEnabled: entry['disabled'] !== true && entry['enabled'] !== false && entry['isActive'] !== false,
    approvedTools: approvedTools(entry),
    otherTexts: otherTexts(entry),
  }
}

function transportOf(entry: Record<string, unknown>, command: string | null, url: string | null): Transport {
  const said =
    firstText(entry, ['type', 'transport'])
      ?.toLowerCase()
      .replace(/[^a-z]/g, '') ?? ''
  if (url === null) return command === null ? 'unknown' : 'stdio'
  if (said === 'sse' || (said === '' && /\/sse\/?(?:[?#]|$)/.test(url))) return 'sse'
  if (said === 'websocket' || said === 'ws' || /^wss?:/i.test(url)) return 'websocket'
  return /^https?:/i.test(url) ? 'http' : 'unknown'
}

function headersOf(entry: Record<string, unknown>): Record<string, string> {
  const options = [entry['requestOptions'], entry['requestInit']].find((value) => isRecord(value))
  const headers = entry['headers'] ?? entry['http_headers'] ?? (isRecord(options) ? options['headers'] : undefined)
  return textMap(headers)
}

/** `trust` of Gemini CLI and a wildcard are the whole server; the lists are those of Cline, Roo, Kiro and others. */
function approvedTools(entry: Record<string, unknown>): readonly string[] | 'all' {
  const named = ['alwaysAllow', 'autoApprove', 'alwaysApprove', 'autoAllow'].flatMap((key) => texts(entry[key]))
  const isWhole = entry['trust'] === true || entry['autoApprove'] === true || named.includes('*')
  return isWhole ? 'all' : named
}

/** These are read apart, or hold names of variables and tools, which are no secrets. */
const READ_APART = [
  'command',
  'cmd',
  'args',
  'url',
  'serverUrl',
  'httpUrl',
  'uri',
  'endpoint',
  'env',
  'envs',
  'environment',
]
const HOLDING_NAMES = ['env_keys', 'env_vars', 'env_http_headers', 'bearer_token_env_var', 'headers', 'http_headers']

function otherTexts(entry: Record<string, unknown>): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = []
  const visit = (key: string, value: unknown, depth: number): void => {
    if (found.length >= TEXTS_MAX || depth > DEPTH_MAX) return
    if (typeof value === 'string') found.push([key, value])
    else if (Array.isArray(value)) for (const inner of value.slice(0, TEXTS_MAX)) visit(key, inner, depth + 1)
    else if (isRecord(value))
      for (const [name, inner] of Object.entries(value)) if (name !== 'headers') visit(name, inner, depth + 1)
  }
  for (const [key, value] of Object.entries(entry))
    if (!READ_APART.includes(key) && !HOLDING_NAMES.includes(key)) visit(key, value, 0)
  return found
}

function textMap(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {}
  const pairs = Object.entries(value).flatMap(([key, inner]) =>
    texts(inner)
      .slice(0, 1)
      .map((text) => [key, text]),
  )
  return Object.fromEntries(pairs.slice(0, NAMES_MAX))
}

/** Scalars as the text that they would be passed on as. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)]
  return Array.isArray(value)
    ? value.slice(0, ARGUMENTS_MAX).flatMap((one: unknown) => (Array.isArray(one) ? [] : texts(one)))
    : []
}

function firstText(entry: Record<string, unknown>, keys: readonly string[]): string | null {
  for (const key of keys) {
    const value = entry[key]
    if (typeof value === 'string' && value !== '') return value
  }
  return null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import { CONFUSABLES } from './confusables.ts'
import { cleanDisplayText } from './display-text.ts'

/** A name that people know, and where its owner's redirects and documents live. */
export interface KnownName {
  readonly name: string
  /** Registrable hosts of the owner; subdomains count. */
  readonly hosts: readonly string[]
  /** Custom URI schemes of the owner's programs. */
  readonly schemes: readonly string[]
  /** Whether the owner's program listens on loopback, so that a local redirect is what the real one would use. */
  readonly isLocal: boolean
}

const ANTHROPIC_HOSTS = ['claude.ai', 'claude.com', 'anthropic.com']
const OPENAI_HOSTS = ['openai.com', 'chatgpt.com']
const GOOGLE_HOSTS = ['google.com', 'googleapis.com', 'google.dev', 'antigravity.google']
const MICROSOFT_HOSTS = ['vscode.dev', 'visualstudio.com', 'microsoft.com', 'github.com']
const VSCODE_SCHEMES = ['vscode', 'vscode-insiders', 'code-oss']

export const WELL_KNOWN_NAMES: readonly KnownName[] = [
  product('Claude', ANTHROPIC_HOSTS, ['claude']),
  product('Claude Code', ANTHROPIC_HOSTS, ['claude']),
  product('Claude Desktop', ANTHROPIC_HOSTS, ['claude']),
  product('Anthropic', ANTHROPIC_HOSTS, ['claude']),
  product('ChatGPT', OPENAI_HOSTS, ['chatgpt', 'codex']),
  product('OpenAI', OPENAI_HOSTS, ['chatgpt', 'codex']),
  product('Codex', OPENAI_HOSTS, ['codex', 'chatgpt']),
  product('Codex CLI', OPENAI_HOSTS, ['codex', 'chatgpt']),
  product('Cursor', ['cursor.com', 'cursor.sh'], ['cursor']),
  product('VS Code', MICROSOFT_HOSTS, VSCODE_SCHEMES),
  product('Visual Studio Code', MICROSOFT_HOSTS, VSCODE_SCHEMES),
  product('Visual Studio', MICROSOFT_HOSTS, VSCODE_SCHEMES),
  product('GitHub', ['github.com', 'githubusercontent.com'], VSCODE_SCHEMES),
  product('GitHub Copilot', ['github.com', ...MICROSOFT_HOSTS], VSCODE_SCHEMES),
  product('Copilot', ['github.com', ...MICROSOFT_HOSTS], VSCODE_SCHEMES),
  product('Microsoft', MICROSOFT_HOSTS, VSCODE_SCHEMES),
  product('Gemini', GOOGLE_HOSTS, []),
  product('Gemini CLI', GOOGLE_HOSTS, []),
  product('Google', GOOGLE_HOSTS, ['antigravity']),
  product('Antigravity', GOOGLE_HOSTS, ['antigravity']),
  product('Windsurf', ['windsurf.com', 'codeium.com'], ['windsurf', 'windsurf-next']),
  product('Zed', ['zed.dev'], ['zed']),
  product('Warp', ['warp.dev'], ['warp']),
  product('Kiro', ['kiro.dev', 'aws.dev'], ['kiro']),
  product('Raycast', ['raycast.com'], ['raycast']),
  product('JetBrains', ['jetbrains.com'], ['jetbrains']),
  product('Perplexity', ['perplexity.ai'], []),
  product('Mistral', ['mistral.ai'], []),
  product('Grok', ['grok.com', 'x.ai'], ['grokbot']),
  product('Slack', ['slack.com'], []),
  product('Goose', ['block.xyz'], ['goose']),
  product('Inspector', ['modelcontextprotocol.io'], []),
  product('MCP Inspector', ['modelcontextprotocol.io'], []),
  product('Sallyport', [], []),
]

export interface NamedClient {
  readonly name: string
  readonly clientIdHost: string | null
  readonly redirectUris: readonly string[]
}

/** Names this short are compared whole only: `zed` is part of `organized`. */
const WORD_LENGTH_MIN = 5
/** Names this long may differ by one letter and still be read as the other. */
const TYPO_LENGTH_MIN = 6
const LOOKALIKES_SHOWN_MAX = 3

/**
 * Better known names that this client's name could be mistaken for. A name is one's own when everything that can be checked points to
 * its owner: the client_id host, the redirect hosts and schemes, or a local program spelled exactly so. Whether a local program is
 * what it says cannot be known at all: that is the warning for localhost-only clients.
 */
export function findLookalikes(client: NamedClient, registered: readonly NamedClient[]): readonly string[] {
  const found = new Set<string>()
  for (const known of WELL_KNOWN_NAMES)
    if (couldBeTakenFor(client.name, known.name) && !isOwnName(client, known)) found.add(known.name)
  const origins = originsOf(client)
  for (const other of registered) {
    const isTwin =
      plain(other.name) === plain(client.name) && [...origins].every((origin) => originsOf(other).has(origin))
    if (!isTwin && skeleton(other.name) === skeleton(client.name)) found.add(other.name)
  }
  return [...found].slice(0, LOOKALIKES_SHOWN_MAX)
}

/** How a name reads: compatibility forms, letter case, letters of other alphabets, digits for letters, spaces and punctuation gone. */
export function skeleton(name: string): string {
  const letters = [...cleanDisplayText(name).normalize('NFKD').replace(/\p{M}/gu, '')]
  const latin = letters.map((letter) => {
    const lower = letter.toLowerCase()
    // Capitals first: a Greek capital nu reads as n, its small form as v.
    return CONFUSABLES.get(letter) ?? CONFUSABLES.get(lower) ?? lower
  })
  return latin
    .join('')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .replace(/rn/g, 'm')
    .replace(/vv/g, 'w')
    .replace(/cl/g, 'd')
}

function couldBeTakenFor(name: string, known: string): boolean {
  const a = skeleton(name)
  const b = skeleton(known)
  if (a === '' || b === '') return false
  if (a === b) return true
  if (known.length >= WORD_LENGTH_MIN && a.includes(b)) return true
  return known.length >= TYPO_LENGTH_MIN && isOneEditApart(a, b)
}

function isOwnName(client: NamedClient, known: KnownName): boolean {
  // Only honest spelling can be one's own: `CIaude` with a capital i never is, whoever sends it.
  if (!plain(client.name).includes(plain(known.name))) return false
  if (client.clientIdHost !== null) return belongsTo(client.clientIdHost, known.hosts)
  return client.redirectUris.every((uri) => {
    const url = URL.parse(uri)
    if (url === null) return false
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return known.schemes.includes(url.protocol.slice(0, -1))
    if (isLoopback(url)) return known.isLocal
    return belongsTo(url.hostname, known.hosts)
  })
}

function originsOf(client: NamedClient): ReadonlySet<string> {
  const origins = client.redirectUris.map((uri) => {
    const url = URL.parse(uri)
    if (url === null) return uri
    if (isLoopback(url)) return 'loopback'
    return url.protocol === 'https:' ? url.host : url.protocol
  })
  return new Set(client.clientIdHost === null ? origins : [`client:${client.clientIdHost}`])
}

function isLoopback(url: URL): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
}

function belongsTo(host: string, owners: readonly string[]): boolean {
  return owners.some((owner) => host === owner || host.endsWith(`.${owner}`))
}

function plain(name: string): string {
  return cleanDisplayText(name).toLowerCase()
}

/** One letter more, less, other, or two neighbours swapped. */
function isOneEditApart(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start += 1
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1
  const left = a.slice(start, a.length - end)
  const right = b.slice(start, b.length - end)
  if (left.length <= 1 && right.length <= 1) return true
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0]
}

function product(name: string, hosts: readonly string[], schemes: readonly string[]): KnownName {
  return { name, hosts, schemes, isLocal: true }
}

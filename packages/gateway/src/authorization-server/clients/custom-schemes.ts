/**
 * Schemes a browser must never be sent to with a code in the URL: they run script, read files, leave the encrypted web, open another
 * program's content or start messages. Most would fail the shape rules too; they are named so that the refusal is certain and plain.
 */
const DANGEROUS_SCHEMES: ReadonlySet<string> = new Set([
  'about',
  'app-settings',
  'android-app',
  'blob',
  'callto',
  'cid',
  'chrome',
  'chrome-devtools',
  'chrome-error',
  'chrome-extension',
  'chrome-search',
  'chrome-untrusted',
  'content',
  'data',
  'devtools',
  'dict',
  'edge',
  'facetime',
  'feed',
  'file',
  'filesystem',
  'ftp',
  'ftps',
  'geo',
  'git',
  'gopher',
  'imap',
  'intent',
  'irc',
  'jar',
  'javascript',
  'ldap',
  'ldaps',
  'livescript',
  'magnet',
  'mailto',
  'market',
  'mhtml',
  'mid',
  'mocha',
  'moz-extension',
  'ms-msdt',
  'ms-settings',
  'news',
  'nfs',
  'nntp',
  'opera',
  'pop',
  'resource',
  'rtsp',
  'safari-extension',
  'search',
  'search-ms',
  'sftp',
  'shell',
  'sip',
  'sips',
  'sms',
  'smsto',
  'smb',
  'ssh',
  'steam',
  'tel',
  'telnet',
  'urn',
  'vbscript',
  'view-source',
  'vnd',
  'ws',
  'wss',
  'wyciwyg',
  'x-apple',
  'xmpp',
])

/**
 * Schemes without a dot that well-known MCP clients use although RFC 8252 §7.1 asks for a reversed domain name. A scheme that is
 * neither here nor shaped like a reversed domain could be anything the operating system knows, so it is not accepted.
 */
const CLIENT_SCHEMES: ReadonlySet<string> = new Set([
  'antigravity',
  'chatgpt',
  'claude',
  'code-oss',
  'codex',
  'cursor',
  'goose',
  'grokbot',
  'jetbrains',
  'kiro',
  'lmstudio',
  'opencode',
  'positron',
  'raycast',
  'trae',
  'vscode',
  'vscode-insiders',
  'vscodium',
  'warp',
  'windsurf',
  'windsurf-next',
  'zed',
])

const SCHEME_LENGTH_MAX = 100
/** `com.example.app`: at least two labels, the first one a top-level domain. */
const REVERSED_DOMAIN = /^[a-z]{2,24}(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

/** `scheme` in lower case, without the colon; http and https are not for here. */
export function judgeCustomScheme(scheme: string): 'accepted' | 'dangerous' | 'unknown' {
  const [first = ''] = scheme.split(/[.+]/)
  if (DANGEROUS_SCHEMES.has(scheme) || DANGEROUS_SCHEMES.has(first)) return 'dangerous'
  if (CLIENT_SCHEMES.has(scheme)) return 'accepted'
  if (scheme.length <= SCHEME_LENGTH_MAX && REVERSED_DOMAIN.test(scheme)) return 'accepted'
  return 'unknown'
}

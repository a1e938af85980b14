import { createHash } from 'node:crypto'
import { findSecrets } from '@sallyport/inspect'
import type { ConfiguredServer } from './configured-server.ts'
import type { SecretSighting } from './inventory-report.ts'

export interface PlainSecrets {
  readonly sightings: readonly SecretSighting[]
  /** The text with every secret of this server replaced. */
  readonly redact: (text: string) => string
}

/** What of one text is looked at; no more of it may be shown. */
export const TEXT_CHARACTERS_MAX = 8192
const SECRETS_MAX = 500

/**
 * The secrets that a server's entry holds in plain text. A reference to a variable, a prompt or a vault is none, and
 * neither is a placeholder. What has no name, no known format and no random look is not found.
 */
export function findPlainSecrets(server: ConfiguredServer): PlainSecrets {
  const found: { sighting: SecretSighting; value: string }[] = []
  const look = (place: SecretSighting['place'], name: string, key: string, text: string): void => {
    for (const { kind, value, isCertain } of secretsIn(key, text, place))
      if (found.length < SECRETS_MAX)
        found.push({ sighting: { kind, place, name, hash: shortHash(value), isCertain }, value })
  }
  for (const [name, text] of Object.entries(server.environment)) look('environment', name, name, text)
  for (const [name, text] of Object.entries(server.headers)) look('header', name, name, text)
  for (const [index, text] of server.args.entries())
    look('argument', String(index + 1), keyOfArgument(server.args, index), text)
  if (server.url !== null) look('url', 'url', '', server.url)
  for (const [name, text] of server.otherTexts) look('other', name, name, text)
  const values = found.map(({ value }) => value).toSorted((a, b) => b.length - a.length)
  return { sightings: distinct(found.map(({ sighting }) => sighting)), redact: (text) => redacted(text, values) }
}

interface Secret {
  readonly kind: string
  readonly value: string
  readonly isCertain: boolean
}

function secretsIn(key: string, whole: string, place: SecretSighting['place']): Secret[] {
  const text = whole.slice(0, TEXT_CHARACTERS_MAX)
  const rest = withoutReferences(text)
  const prefix = key === '' ? '' : place === 'header' ? `${key}: ` : `${key}=`
  if (rest === '' || isPlaceholder(rest)) return []
  // Half a reference is a secret, and then what is to be hidden is all of it; of references alone nothing is left here.
  const found = announcedIn(prefix, rest).length === 0 ? [] : announcedIn(prefix, text)
  if (found.length > 0) return found
  const bare = rest.replace(SCHEME, '')
  const mayBeBare = place === 'environment' || place === 'header' || place === 'argument'
  return mayBeBare && looksGenerated(bare) ? [{ kind: 'random-looking', value: bare, isCertain: false }] : []
}

function announcedIn(prefix: string, text: string): Secret[] {
  return (
    findSecrets(prefix + text)
      .filter(({ end }) => end > prefix.length)
      .map(({ kind, start, end }) => {
        // What a secret name announces is secret to its end, blanks or not.
        const isWhole = prefix !== '' && start <= prefix.length
        const value = isWhole ? text : text.slice(start - prefix.length, end - prefix.length)
        return { kind, value: value.replace(SCHEME, ''), isCertain: true }
      })
      // What references leave of the user part of a URL is its colon.
      .filter(({ value }) => value.replaceAll(':', '') !== '' && !isPlaceholder(value))
  )
}

const SCHEME = /^(?:Bearer|Basic|Token|ApiKey|DPoP)\s+/i

/** `--api-key`, then its value. */
function keyOfArgument(args: readonly string[], index: number): string {
  const before = args[index - 1] ?? ''
  const flag = /^--?([A-Za-z][\w-]*)$/.exec(before)?.[1] ?? ''
  return args[index]?.startsWith('-') ? '' : flag
}

/** `${env:X}`, `${input:x}`, `$X`, `%X%`, `{env:X}`, `{{x}}` and addresses of vaults, taken out. */
function withoutReferences(text: string): string {
  if (/^(?:op|keychain|vault|secret|secretref|aws-sm|gcp-sm|azure-kv|file):/i.test(text)) return ''
  const rest = text.replace(
    /\$?\{\{[^}]{0,256}\}\}|\$\{[^}]{0,256}\}|\{(?:env|file):[^}]{0,256}\}|%[A-Za-z_]\w{0,128}%/g,
    '',
  )
  if (/^\$[A-Za-z_]\w*$/.test(rest.trim().replace(SCHEME, ''))) return ''
  return rest === text || rest.replace(SCHEME_NAME, '').trim() !== '' ? rest : ''
}

const SCHEME_NAME = /^\s*(?:Bearer|Basic|Token|ApiKey|DPoP)\b/i

/** What examples write where a secret belongs. */
function isPlaceholder(text: string): boolean {
  return /^(?:<[^>]*>|\[[^\]]*\]|[xX*.]{3,}|(?:your|my|insert|replace|enter|put)[-_ ].*|.*[-_ ]here)$/i.test(
    text.trim(),
  )
}

const GENERATED_CHARACTERS_MIN = 24
const ENTROPY_BITS_MIN = 3.5

/** One run of letters and digits of high entropy that is no path, address, package, version, digest or UUID. */
function looksGenerated(text: string): boolean {
  if (text.length < GENERATED_CHARACTERS_MIN || !/^[A-Za-z0-9_+/.~-]+={0,2}$/.test(text)) return false
  if (/^[./~]|^[A-Za-z]:|\.[a-z]{2,4}$|\/\w*\/|^sha\d+|^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
    return false
  if (/^(?:[A-Za-z]+[-_./])*[A-Za-z]+$/.test(text)) return false
  return /[0-9]/.test(text) && /[A-Za-z]/.test(text) && entropyBits(text) >= ENTROPY_BITS_MIN
}

function entropyBits(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}

export function shortHash(value: string): string {
  return `sha256:${createHash('sha256').update(value).digest('hex').slice(0, 8)}`
}

function distinct(sightings: readonly SecretSighting[]): SecretSighting[] {
  const byPlace = new Map(sightings.map((one) => [JSON.stringify([one.place, one.name, one.hash]), one]))
  return [...byPlace.values()]
}

/** In one mark per secret, written out at the end: a secret that is a word of `[redacted]` must not make the text grow. */
function redacted(text: string, values: readonly string[]): string {
  let rest = text.replaceAll(MARK, '\uFFFD')
  for (const value of values) rest = rest.replaceAll(value, MARK)
  return rest.replace(/\u0000+/g, '[redacted]')
}

const MARK = '\u0000'

import { findSecrets } from '@sallyport/inspect'
import { ok, type Result, refused } from '#core/result.ts'
import { ENVIRONMENT_NAME_PATTERN } from './schema.ts'

/** A configured value, taken apart. */
export type ValuePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'userDir' }

/** Splits `text ${env:NAME} ${file:path} ${userDir}`. Anything else in `${…}` is refused with what is known. */
export function parseReferences(value: string): Result<ValuePart[], string> {
  const parts: ValuePart[] = []
  let at = 0
  while (at < value.length) {
    const open = value.indexOf('${', at)
    if (open === -1) {
      parts.push({ kind: 'text', text: value.slice(at) })
      break
    }
    if (open > at) parts.push({ kind: 'text', text: value.slice(at, open) })
    const close = value.indexOf('}', open)
    if (close === -1) return refused('A `${` is not closed by `}`.')
    const part = parseOne(value.slice(open + 2, close))
    if (part === null)
      return refused(`\`\${${value.slice(open + 2, close).split(':')[0] ?? ''}…}\` is not a reference.`)
    parts.push(part)
    at = close + 1
  }
  return ok(parts)
}

function parseOne(inside: string): ValuePart | null {
  if (inside === 'userDir') return { kind: 'userDir' }
  const colon = inside.indexOf(':')
  if (colon === -1) return null
  const rest = inside.slice(colon + 1)
  switch (inside.slice(0, colon)) {
    case 'env':
      return ENVIRONMENT_NAME_PATTERN.test(rest) ? { kind: 'env', name: rest } : null
    case 'file':
      return rest === '' || rest.includes('\0') ? null : { kind: 'file', path: rest }
    default:
      return null
  }
}

/** The one form of a header value: a reference, optionally behind a scheme word. Null for everything else. */
export function parseHeaderValue(
  value: string,
): { readonly scheme: string; readonly reference: Extract<ValuePart, { kind: 'env' | 'file' }> } | null {
  const match = /^((?:[A-Za-z][A-Za-z0-9-]{0,31} )?)(\$\{[^}]*\})$/.exec(value)
  if (match === null) return null
  const parts = parseReferences(match[2] ?? '')
  const [reference] = parts.ok ? parts.value : []
  return reference?.kind === 'env' || reference?.kind === 'file' ? { scheme: match[1] ?? '', reference } : null
}

const SECRET_WORD =
  /(?:^|[_-])(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTHORIZATION|COOKIE|(?:API|ACCESS|PRIVATE|SECRET|SIGNING|ENCRYPTION|AUTH)?[_-]?KEY|APIKEY|PAT|DSN)(?:$|[_-])|[_-]PWD$|(?:^|[_-])PASS$/i
/** Names that say where a secret is, or how many there are, rather than what it is. */
const SECRET_PLACE = /[_-](?:FILE|PATH|DIR|ID|NAME|URL|URI|TTL|SECONDS|MAX|COUNT|LENGTH|TYPE|HEADER)$/i
const HARMLESS_VALUE = /^(?:|true|false|on|off|yes|no|none)$/i

/** Whether a key of this name with this literal value holds a secret, as far as name and form tell. */
export function isLiteralSecret(name: string, literal: string): boolean {
  if (findSecrets(literal).length > 0) return true
  return SECRET_WORD.test(name) && !SECRET_PLACE.test(name) && !HARMLESS_VALUE.test(literal.trim())
}

/** Indexes of arguments that hold a literal secret: by form, as `--token=value`, or as `--token` followed by a value. */
export function argumentsWithSecrets(args: readonly string[]): number[] {
  return args.flatMap((argument, index) => {
    const equals = /^--?([A-Za-z][\w-]*)=(.*)$/s.exec(argument)
    if (equals !== null && isLiteralSecret(equals[1] ?? '', equals[2] ?? '')) return [index]
    if (findSecrets(argument).length > 0) return [index]
    const flag = /^--?([A-Za-z][\w-]*)$/.exec(args[index - 1] ?? '')
    return flag !== null && !argument.startsWith('-') && isLiteralSecret(flag[1] ?? '', argument) ? [index] : []
  })
}

import { parse as parseToml } from 'smol-toml'
import { parseDocument } from 'yaml'
import type { ConfigFormat } from './clients/client.ts'
import { stripComments } from './strip-comments.ts'

/** TOML nested deeper is refused before its parser recurses that far; the YAML parser reports its own stack's end as an error. */
const TOML_DEPTH_MAX = 200
/** Aliases that one YAML file may use: more is a bomb. */
const YAML_ALIASES_MAX = 100

export type ConfigParse = { readonly kind: 'parsed'; readonly value: unknown } | { readonly kind: 'malformed' }

/**
 * The value that a configuration file holds. Parsers' messages are not passed on, because they quote the file, and the
 * file holds secrets. An empty file is an empty configuration.
 */
export function parseConfig(text: string, format: ConfigFormat): ConfigParse {
  if (text.trim() === '') return { kind: 'parsed', value: {} }
  try {
    return { kind: 'parsed', value: parsers[format](text) }
  } catch {
    return { kind: 'malformed' }
  }
}

const parsers: Readonly<Record<ConfigFormat, (text: string) => unknown>> = {
  json: (text) => JSON.parse(stripComments(text)),
  toml: (text) => parseToml(text, { maxDepth: TOML_DEPTH_MAX }),
  yaml: (text) => {
    // Looking for keys given twice takes time quadratic in their number: a quarter megabyte would take seconds.
    const document = parseDocument(text, { schema: 'core', uniqueKeys: false, prettyErrors: false, logLevel: 'silent' })
    if (document.errors.length > 0) throw new SyntaxError('not YAML')
    return document.toJS({ maxAliasCount: YAML_ALIASES_MAX })
  },
}

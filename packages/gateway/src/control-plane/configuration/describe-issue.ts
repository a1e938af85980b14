import type { z } from 'zod'
import { closest } from './closest.ts'
import type { JsonSchema } from './json-schema.ts'
import { configurationJsonSchema } from './json-schema.ts'
import type { ConfigurationProblem } from './problem.ts'
import type { Source } from './source.ts'

/** A zod issue as problems with their place; one unknown key is one problem. */
export function describeIssue(issue: z.core.$ZodIssue, source: Source): ConfigurationProblem[] {
  const { path } = issue
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownKeys(path)
      return issue.keys.map((key) =>
        source.problem([...path, key], `Unknown key \`${key}\`.`, suggestKey(key, known), 'key'),
      )
    }
    case 'invalid_type':
      return [
        valueAt(source.value, path) === undefined
          ? source.problem(path, `\`${String(path.at(-1) ?? '')}\` is missing.`, `Write ${article(issue.expected)}.`)
          : source.problem(path, `This must be ${article(issue.expected)}.`, nullHint(valueAt(source.value, path))),
      ]
    case 'invalid_value': {
      const given = valueAt(source.value, path)
      const near = typeof given === 'string' ? closest(given, issue.values.map(String)) : null
      if (given === undefined)
        return [source.problem(path, `\`${String(path.at(-1) ?? '')}\` is missing.`, `Write ${choices(issue.values)}.`)]
      return [
        source.problem(
          path,
          `${show(given)} is not allowed here.`,
          near === null
            ? `Write ${choices(issue.values)}.`
            : `Did you mean \`${near}\`? Allowed: ${choices(issue.values)}.`,
        ),
      ]
    }
    case 'too_small':
      return [
        source.problem(path, `This is too small.`, `Write at least ${String(issue.minimum)}${unit(issue.origin)}.`),
      ]
    case 'too_big':
      return [
        source.problem(path, `This is too large.`, `Write at most ${String(issue.maximum)}${unit(issue.origin)}.`),
      ]
    case 'invalid_key':
      return [source.problem(path, `\`${String(path.at(-1))}\` cannot be a name here.`, keyRule(path), 'key')]
    default:
      return [source.problem(path, `${issue.message}.`)]
  }
}

/** The keys that the schema knows at a path, by walking its JSON Schema. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: JsonSchema | undefined = configurationJsonSchema()
  for (const step of path) {
    const properties = at?.['properties'] as Record<string, JsonSchema> | undefined // JSON Schema 2020-12 §10.3.2.1
    const named = properties?.[String(step)]
    at = named ?? ((typeof step === 'number' ? at?.['items'] : at?.['additionalProperties']) as JsonSchema | undefined)
  }
  return Object.keys((at?.['properties'] as Record<string, unknown> | undefined) ?? {})
}

function suggestKey(key: string, known: readonly string[]): string {
  const near = closest(key, known)
  return near === null ? `Known here: ${known.join(', ')}.` : `Did you mean \`${near}\`?`
}

function keyRule(path: readonly PropertyKey[]): string {
  if (path[0] === 'servers' && path.length === 2) return 'Server ids are 1 to 63 of a-z, 0-9 and -.'
  if (path[0] === 'tenants' && path.length === 2) return 'Tenants are called by 1 to 63 of a-z, 0-9 and -.'
  if (path[0] === 'roles' && path.length === 2)
    return 'Role names are up to 63 of a-z, 0-9 and -, starting with a letter.'
  if (path.includes('headers')) return 'Header names are letters, digits and -.'
  if (path.includes('env')) return 'Environment names are letters, digits and _, not starting with a digit.'
  return 'Use another name.'
}

const ARTICLES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a block of keys',
  record: 'a block of keys',
}

function article(expected: string): string {
  return ARTICLES[expected] ?? expected
}

function nullHint(given: unknown): string | null {
  return given === null ? 'It is empty: fill it in or remove the key.' : `It is ${show(given)}.`
}

function unit(origin: string): string {
  if (origin === 'string') return ' characters'
  return origin === 'array' ? ' entries' : ''
}

function choices(values: readonly unknown[]): string {
  return values.map((value) => `\`${String(value)}\``).join(', ')
}

const SHOWN_CHARS_MAX = 40

function show(value: unknown): string {
  if (typeof value === 'string') {
    const short = value.length > SHOWN_CHARS_MAX ? `${value.slice(0, SHOWN_CHARS_MAX)}…` : value
    return `\`${short}\``
  }
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'a block of keys' : `\`${String(value)}\``
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<PropertyKey, unknown>)[step]
  }
  return at
}

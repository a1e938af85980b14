import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { configurationJsonSchema, type JsonSchema } from './json-schema.ts'

const page = readFileSync(new URL('../../../../../docs/configuration.md', import.meta.url), 'utf8')

/** What stands for a name that the reader chooses. */
const NAMES: Readonly<Record<string, string>> = {
  servers: '<id>',
  introspection: '<id>',
  clients: '<client id>',
  roles: '<name>',
  tools: '<tool>',
  allow: '<id or *>',
  trustedIssuers: '<name>',
  identityProviders: '<name>',
  externalIssuers: '<name>',
  workloads: '<name>',
  claims: '<claim>',
  tenants: '<name>',
}

/** Every key with its schema. */
function keys(schema: JsonSchema, path: readonly string[] = []): [string, JsonSchema][] {
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>
  return Object.entries(properties).flatMap(([key, value]): [string, JsonSchema][] => {
    const here = [...path, key]
    const named = value['additionalProperties'] as JsonSchema | false | undefined
    const below = typeof named === 'object' ? keys(named, [...here, NAMES[key] ?? '']) : []
    return [[here.join('.'), value], ...keys(value, here), ...below]
  })
}

const KEYS = keys(configurationJsonSchema())

describe('docs/configuration.md', () => {
  it('is checked against a schema that has keys', () => {
    expect(KEYS.length).toBeGreaterThan(40)
  })

  it.each(KEYS.filter(([key]) => key.includes('.')))('describes %s with its bounds and default', (key, schema) => {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${key}\` |`)) ?? ''
    expect(row).not.toBe('')
    const { minimum, maximum, default: fallback, type } = schema
    if (type === 'integer') expect(row).toContain(`| ${String(minimum)} to ${String(maximum)} |`)
    if (typeof fallback === 'number' || typeof fallback === 'boolean')
      expect(row).toContain(`| \`${String(fallback)}\` |`)
    for (const choice of (schema['enum'] ?? []) as string[]) expect(row).toContain(`\`${choice}\``)
  })
})

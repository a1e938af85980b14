/** What of an input schema is looked at; deeper or later properties are reported as unread. */
const SCHEMA_DEPTH_MAX = 4
const SCHEMA_PROPERTIES_MAX = 256

export interface SchemaParameters {
  /** Lower-case parameter names without separators (`userId` and `user_id` are `userid`), nested ones included. */
  readonly names: ReadonlySet<string>
  /** False when the schema was deeper or larger than what is looked at. */
  readonly isComplete: boolean
}

/** Collects the parameter names of a JSON Schema, through nested objects, arrays and combinations. Follows no `$ref`. */
export function readParameters(inputSchema: unknown): SchemaParameters {
  const names = new Set<string>()
  let isComplete = true

  const visit = (schema: unknown, depth: number): void => {
    if (!isObject(schema)) return
    if (depth > SCHEMA_DEPTH_MAX) {
      isComplete = false
      return
    }
    for (const [name, property] of Object.entries(isObject(schema['properties']) ? schema['properties'] : {})) {
      if (names.size >= SCHEMA_PROPERTIES_MAX) {
        isComplete = false
        return
      }
      names.add(name.toLowerCase().replace(/[^a-z0-9]/g, ''))
      visit(property, depth + 1)
    }
    visit(schema['items'], depth + 1)
    for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
      const branches = schema[keyword]
      if (!Array.isArray(branches)) continue
      if (branches.length > SCHEMA_PROPERTIES_MAX) isComplete = false
      for (const branch of branches.slice(0, SCHEMA_PROPERTIES_MAX)) visit(branch, depth + 1)
    }
  }

  visit(inputSchema, 0)
  return { names, isComplete }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

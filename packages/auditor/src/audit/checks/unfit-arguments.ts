const WORD = 'sallyport-audit'

/**
 * Arguments that no server takes which looks at its schema: a tool that is called with them does nothing. Null where nothing can be said to be
 * wrong; such a tool is not called.
 */
export function unfitArguments(schema: unknown): Readonly<Record<string, unknown>> | null {
  const { properties, required, additionalProperties } = objectOf(schema)
  const wrong = Object.entries(objectOf(properties)).flatMap(([name, property]) => {
    const value = wrongFor(property)
    return value === undefined ? [] : [[name, value] as const]
  })
  if (wrong.length > 0) return Object.fromEntries(wrong)
  if (Array.isArray(required) && required.length > 0) return {}
  return additionalProperties === false ? { [WORD]: true } : null
}

/** A value of another type, and of one that nobody turns into the right one. */
function wrongFor(property: unknown): unknown {
  const { type } = objectOf(property)
  if (type === 'object') return WORD
  return type === 'string' || type === 'number' || type === 'integer' || type === 'boolean' || type === 'array'
    ? { [WORD]: true }
    : undefined
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

import { describe, expect, it } from 'vitest'
import { type PostgresSettings, SCHEMA_PATTERN, tenantSchemaOf } from './settings.ts'

const of = (schema: string): PostgresSettings => ({
  host: '127.0.0.1',
  port: 5432,
  user: 'sallyport',
  database: 'sallyport',
  password: null,
  schema,
  tls: null,
  connectionsMax: 10,
  connectTimeoutSeconds: 5,
  statementTimeoutSeconds: 10,
})

describe('the schema of a tenant', () => {
  it('is called after both', () => {
    expect(tenantSchemaOf(of('sallyport'), 'acme-eu').schema).toBe('sallyport_t_acme_eu')
  })

  it('takes no more connections than its part', () => {
    expect(tenantSchemaOf(of('sallyport'), 'acme').connectionsMax).toBe(4)
    expect(tenantSchemaOf({ ...of('sallyport'), connectionsMax: 2 }, 'acme').connectionsMax).toBe(2)
  })

  it('is an identifier however long the names are, and nobody else’s', () => {
    const names = [
      'a',
      'b',
      'a-b',
      'a--b',
      ...[30, 34, 35, 36, 37, 38, 62, 63].flatMap((n) => ['a'.repeat(n), `${'a'.repeat(n - 1)}b`]),
    ]
    const schemas = names.map((name) => tenantSchemaOf(of('sallyport'), name).schema)
    for (const schema of schemas) expect(schema).toMatch(SCHEMA_PATTERN)
    expect(new Set(schemas).size).toBe(names.length)
    expect(tenantSchemaOf(of('s'.repeat(48)), 'a').schema).not.toBe(tenantSchemaOf(of('s'.repeat(48)), 'b').schema)
  })
})

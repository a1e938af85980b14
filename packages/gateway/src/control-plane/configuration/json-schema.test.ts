import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { printConfigurationJsonSchema } from './json-schema.ts'

it('docs/sallyport.schema.json is what the schema says now', () => {
  const committed = readFileSync(new URL('../../../../../docs/sallyport.schema.json', import.meta.url), 'utf8')
  expect(committed).toBe(printConfigurationJsonSchema())
})

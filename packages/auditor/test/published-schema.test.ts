import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { reportJsonSchema, transcriptJsonSchema } from '#report/json-schema.ts'

test.for([
  ['audit-report', reportJsonSchema],
  ['audit-transcript', transcriptJsonSchema],
] as const)('the published schema %s is the one that files are checked with', ([name, schema]) => {
  const file = new URL(`../schema/${name}.schema.json`, import.meta.url)
  const now = `${JSON.stringify(schema(), null, 2)}\n`
  if (process.env['SALLYPORT_WRITE_SCHEMA'] === '1') writeFileSync(file, now)
  expect(readFileSync(file, 'utf8')).toBe(now)
})

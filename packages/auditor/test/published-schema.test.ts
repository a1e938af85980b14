import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { reportJsonSchema } from '#report/json-schema.ts'

const file = new URL('../schema/audit-report.schema.json', import.meta.url)

test('the published schema is the one that the reports are checked with', () => {
  const now = `${JSON.stringify(reportJsonSchema(), null, 2)}\n`
  if (process.env['SALLYPORT_WRITE_SCHEMA'] === '1') writeFileSync(file, now)
  expect(readFileSync(file, 'utf8')).toBe(now)
})

import { readFileSync, writeFileSync } from 'node:fs'
// oxlint-disable-next-line no-restricted-imports -- ajv has draft 2020-12 under no other name
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { inventoryJsonSchema } from '#inventory/inventory-report.ts'
import { createMachine } from './machine.ts'

const file = new URL('../../schema/inventory-report.schema.json', import.meta.url)

test('the published schema is the one that the reports are checked with', () => {
  const now = `${JSON.stringify(inventoryJsonSchema(), null, 2)}\n`
  if (process.env['SALLYPORT_WRITE_SCHEMA'] === '1') writeFileSync(file, now)
  expect(readFileSync(file, 'utf8')).toBe(now)
})

test('a report is as the published schema says, and the schema refuses others', async () => {
  const validate = new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(file, 'utf8')) as object)
  const machine = createMachine()
  machine.write(
    'home',
    '.cursor/mcp.json',
    '{"mcpServers":{"a":{"command":"npx","args":["x"],"env":{"A_PASSWORD":"hunter2"}},"b":{"url":"http://127.0.0.1:9/"},"c":7}}',
  )
  machine.write('home', '.gemini/settings.json', '{')
  const report = await machine.inventory({
    asks: ({ name }) => name === 'b',
    gateway: new URL('https://gw.example/mcp'),
  })
  expect([validate(report), validate.errors]).toEqual([true, null])
  expect(validate({ ...report, secret: 'x' })).toBe(false)
  expect(validate({ ...report, servers: [{}] })).toBe(false)
})

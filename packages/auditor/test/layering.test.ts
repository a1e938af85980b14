import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const source = fileURLToPath(new URL('../src', import.meta.url))
/** Whoever audits must not have to trust the gateway: nothing of it may be installed or loaded. */
const MAY_COME_FROM_OUTSIDE = /^(?:node:[a-z/_]+|@sallyport\/inspect|commander|smol-toml|yaml|zod)$/

test('the auditor imports nothing of the gateway, and nothing that it does not list', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  expect(files.length).toBeGreaterThan(8)
  const strangers = files
    .filter((name) => !name.endsWith('.test.ts'))
    .flatMap((name) =>
      [...readFileSync(join(source, name), 'utf8').matchAll(/\bfrom '([^']+)'|\bimport\('([^']+)'/g)]
        .map((match) => match[1] ?? match[2] ?? '')
        .filter((module) => !/^(?:#|\.\.?\/)/.test(module) && !MAY_COME_FROM_OUTSIDE.test(module))
        .map((module) => `${name}: ${module}`),
    )
  expect(strangers).toEqual([])
})

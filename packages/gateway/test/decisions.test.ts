import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const folder = new URL('../../../docs/decisions/', import.meta.url)

test('decisions are numbered without gap or repetition, say their number, and stay short', () => {
  const files = readdirSync(folder).sort()
  expect(files.length).toBeGreaterThan(0)
  expect(files.map((file) => file.slice(0, 5))).toEqual(files.map((_, at) => `${String(at + 1).padStart(4, '0')}-`))
  for (const file of files) {
    const lines = readFileSync(new URL(file, folder), 'utf8').trimEnd().split('\n')
    expect(lines[0], file).toMatch(new RegExp(`^# ${file.slice(0, 4)}: `))
    expect(lines.length, file).toBeLessThan(80)
  }
})

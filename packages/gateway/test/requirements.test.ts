import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

const ROOT = new URL('../../../', import.meta.url)
const GATEWAY = new URL('../', import.meta.url)
const FOLDER = new URL('docs/requirements/', ROOT)

const claim = { id: z.string(), level: z.string(), requirement: z.string().min(10) }
const evidence = { where: z.string(), tests: z.array(z.string()).min(1) }
const why = z.string().min(10)
const requirements = z.strictObject({
  revision: z.string(),
  requirements: z.array(
    z.discriminatedUnion('status', [
      z.strictObject({ ...claim, status: z.literal('met'), ...evidence }),
      z.strictObject({ ...claim, status: z.literal('partly'), why, ...evidence }),
      z.strictObject({ ...claim, status: z.literal('not yet'), why }),
      z.strictObject({ ...claim, status: z.literal('not applicable'), why }),
    ]),
  ),
})

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))
const read = (name: string) => requirements.parse(parse(readFileSync(new URL(name, FOLDER), 'utf8')))

/** What is wrong with `file › title`, or null. A title is found as the first argument of a test or of a group of tests. */
function problemWith(reference: string, base: URL): string | null {
  const [file = '', title = '', ...rest] = reference.split(' › ')
  if (title === '' || rest.length > 0) return `${reference}: not "file › title"`
  const url = new URL(file, base)
  if (!file.endsWith('.test.ts') || !existsSync(url)) return `${reference}: no such test file`
  const literal = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll("'", "\\\\?'")
  // Directly, or after the table of `each`.
  const call = new RegExp(`(?:\\b(?:describe|it|test)\\(|\\)\\()\\s*(['"\`])${literal}\\1`)
  return call.test(readFileSync(url, 'utf8')) ? null : `${reference}: no test of that title`
}

describe('docs/requirements', () => {
  test('there are some', () => {
    expect(files.length).toBeGreaterThan(0)
  })

  test.each(files)('%s names every requirement once, and only code and tests that exist', (name) => {
    const { requirements: rows } = read(name)
    expect(name).toContain(read(name).revision)
    const ids = rows.map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)])
    const problems = rows.flatMap((row) => {
      if (!('tests' in row)) return []
      const missing = existsSync(new URL(row.where, GATEWAY)) ? [] : [`${row.id}: ${row.where} does not exist`]
      return [...missing, ...row.tests.flatMap((reference) => problemWith(reference, GATEWAY) ?? [])]
    })
    expect(problems).toEqual([])
  })

  test('MCP 2025-11-25: none of the authorization and resource server rows is left out', () => {
    const numbered = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, at) => `${prefix}-${String(at + 1).padStart(2, '0')}`)
    expect(read('mcp-2025-11-25.yaml').requirements.map(({ id }) => id)).toEqual([
      ...numbered('AS', 35),
      ...numbered('RS', 36),
    ])
  })

  test('MCP 2026-07-28: what the rows of 2025-11-25 leave to it is there', () => {
    const modern = new Set(read('mcp-2026-07-28.yaml').requirements.map(({ id }) => id))
    const left = read('mcp-2025-11-25.yaml').requirements.filter(
      (row) => 'why' in row && row.why.includes('mcp-2026-07-28.yaml'),
    )
    expect(left.length).toBeGreaterThan(5)
    expect(left.filter(({ id }) => !modern.has(id)).map(({ id }) => id)).toEqual([])
  })
})

describe.each(['SECURITY.md', 'THREATS.md'])('%s', (name) => {
  const text = readFileSync(new URL(name, ROOT), 'utf8')
  const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
  const references = quoted.filter((code) => code.includes(' › '))

  test('names tests, and only those that exist', () => {
    expect(references.length).toBeGreaterThan(10)
    expect(references.flatMap((reference) => problemWith(reference, GATEWAY) ?? [])).toEqual([])
  })

  test('names only code that exists', () => {
    const paths = quoted.filter((code) => /^(?:src|test)\/[\w./-]+$/.test(code))
    expect(paths.filter((path) => !existsSync(new URL(path, GATEWAY)))).toEqual([])
  })
})

test('SECURITY.md states each of the eight promises: its state, how it is held, and its tests', () => {
  const text = readFileSync(new URL('SECURITY.md', ROOT), 'utf8')
  const sections = text.split(/^### /m).slice(1)
  expect(sections.map((section) => Number(section.slice(0, section.indexOf('.'))))).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  for (const section of sections) {
    expect(section, section.slice(0, 40)).toMatch(/^\*\*(?:Met|Partly met)\.\*\*/m)
    if (section.includes('**Partly met.**')) expect(section, section.slice(0, 40)).toContain('*Not yet:*')
    expect(section.split(' › ').length, section.slice(0, 40)).toBeGreaterThan(2)
  }
})

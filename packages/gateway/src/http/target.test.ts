import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readTarget } from './target.ts'

const LONG = `/${'a'.repeat(9000)}`

describe('request targets', () => {
  it('keeps plain paths as they are and reads the query', () => {
    const target = readTarget('/mcp/files?a=1&b=%20')
    expect(target.ok && target.value.path).toBe('/mcp/files')
    expect(target.ok && target.value.query.get('b')).toBe(' ')
  })

  it.each([
    'http://evil.example/mcp/files',
    '*',
    '',
    'mcp/files',
    '//mcp/files',
    '/mcp//files',
    '/mcp/./files',
    '/mcp/../files',
    '/mcp/%2e%2e/files',
    '/mcp/%2E/files',
    '/mcp/files%2f..',
    '/mcp%2ffiles',
    '/mcp/files%5c..',
    '/mcp\\files',
    '/mcp/fi%00les',
    '/mcp/fi%0ales',
    '/mcp/files%',
    '/mcp/files%zz',
    '/mcp/files#fragment',
    '/mcp/f\u00efles',
    '/mcp/fi les',
    LONG,
  ])('refuses %#: one that another parser could read differently', (target) => {
    expect(readTarget(target).ok).toBe(false)
  })

  it('accepts only paths that survive URL parsing unchanged', () => {
    fc.assert(
      fc.property(fc.webPath(), (path) => {
        const target = readTarget(path === '' ? '/' : path)
        if (target.ok) expect(new URL(`http://127.0.0.1${target.value.path}`).pathname).toBe(target.value.path)
      }),
    )
  })
})

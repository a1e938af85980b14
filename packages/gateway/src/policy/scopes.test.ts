import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asServerId } from '#core/ids.ts'
import { TOOL_CLASSES } from '#core/tool-classes.ts'
import { classContains, parseScope, printClassScope, printToolScope, scopesCover, splitScopes } from './scopes.ts'

const files = asServerId('files')
const memory = asServerId('memory')

describe('scopes', () => {
  it('are printed as the clients see them', () => {
    expect(printClassScope(files, 'read')).toBe('files:read')
    expect(printToolScope(files, 'a tool:β')).toBe('files:tool:a%20tool%3A%CE%B2')
  })

  it('have one spelling: what is parsed prints the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (tool) => {
        fc.pre(tool.isWellFormed())
        const text = printToolScope(files, tool)
        expect(parseScope(text)).toEqual({ kind: 'tool', server: 'files', tool })
      }),
    )
  })

  it.each([
    '',
    'files',
    'files:',
    'files:everything',
    '*:read',
    'files:*',
    'files:tool:',
    'files:tool:a b',
    'files:tool:%61',
    'files:tool:%',
    'files:read:x',
    'Files:read',
    'openid',
    'files:tool:a:b',
  ])('%j is no scope of ours', (text) => {
    expect(parseScope(text)).toBeNull()
  })

  it('splits a scope parameter once per value (RFC 6749 §3.3)', () => {
    expect(splitScopes('a  b a')).toEqual(['a', 'b'])
    expect(splitScopes(undefined)).toEqual([])
  })
})

describe('the hierarchy of classes', () => {
  it('is exactly this', () => {
    const pairs = TOOL_CLASSES.flatMap((held) =>
      TOOL_CLASSES.filter((needed) => classContains(held, needed)).map((needed) => `${held}>${needed}`),
    )
    expect(pairs).toEqual([
      'read>read',
      'write>read',
      'write>write',
      'send>send',
      'destructive>read',
      'destructive>write',
      'destructive>destructive',
      'execute>execute',
      'financial>financial',
      'admin>read',
      'admin>write',
      'admin>destructive',
      'admin>admin',
    ])
  })

  it('never crosses servers', () => {
    for (const held of TOOL_CLASSES) {
      for (const needed of TOOL_CLASSES)
        expect(scopesCover([printClassScope(memory, held)], files, needed, 'x')).toBe(false)
    }
  })

  it('lets a tool scope cover that tool alone', () => {
    const held = [printToolScope(files, 'delete')]
    expect(scopesCover(held, files, 'destructive', 'delete')).toBe(true)
    expect(scopesCover(held, files, 'destructive', 'other')).toBe(false)
    expect(scopesCover(held, files, 'destructive', null)).toBe(false)
  })
})

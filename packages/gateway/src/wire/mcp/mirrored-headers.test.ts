import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeHeaderValue,
  encodeHeaderValue,
  mirroringHeaders,
  mirrorsValue,
  readMirroredParams,
} from './mirrored-headers.ts'

describe('a value in a header', () => {
  it.each([
    ['us-west1', 'us-west1'],
    ['two words', 'two words'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
  ])('%j is written as the specification writes it', (text, encoded) => {
    expect(encodeHeaderValue(text)).toBe(encoded)
    expect(decodeHeaderValue(encoded)).toBe(text)
  })

  it('comes back as it was, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = encodeHeaderValue(text)
        expect(encoded).toMatch(/^[\x20-\x7e\t]*$/)
        expect(decodeHeaderValue(encoded)).toBe(text)
      }),
    )
  })

  it.each([
    '=?base64?a?=',
    '=?base64?SGVsbG8?=',
    '=?base64?SGVsbG8h====?=',
    '=?base64?/w==?=',
    // Other spellings of `a` (YQ==): spare bits set, padding left out or doubled, another alphabet, white space.
    '=?base64?YR==?=',
    '=?base64?YX==?=',
    '=?base64?YQ?=',
    '=?base64?YQ===?=',
    '=?base64?YQ ==?=',
    '=?base64?8J-YgA==?=',
    // Spare bits of two.
    '=?base64?YWJ=?=',
    'caf\u00e9',
    'a\u0000b',
  ])('is nothing where it is not well formed: %j', (raw) => {
    expect(decodeHeaderValue(raw)).toBeNull()
  })

  it('says an integer by its value and everything else letter by letter', () => {
    for (const same of ['42', '42.0']) expect(mirrorsValue(same, 42)).toBe(true)
    for (const other of ['43', '0x2a', '4.2e1', ' 42', '']) expect(mirrorsValue(other, 42)).toBe(false)
    expect([mirrorsValue('true', true), mirrorsValue('True', true), mirrorsValue('1', true)]).toEqual([
      true,
      false,
      false,
    ])
    expect([mirrorsValue('a', 'a'), mirrorsValue('A', 'a'), mirrorsValue('42', '42.0')]).toEqual([true, false, false])
    expect([mirrorsValue('1.5', 1.5), mirrorsValue('9007199254740992', 2 ** 53)]).toEqual([false, false])
    expect([mirrorsValue('null', null), mirrorsValue('[object Object]', {}), mirrorsValue('', [])]).toEqual([
      false,
      false,
      false,
    ])
  })
})

describe('the parameters that a tool wants repeated', () => {
  const schema = (properties: object) => ({ type: 'object', properties }) as never

  it('are found along properties, however deep', () => {
    const nested = { type: 'object', properties: { city: { type: 'string', 'x-mcp-header': 'City' } } }
    expect(readMirroredParams(schema({ place: nested, 'x-mcp-header': { type: 'string' } }))).toEqual([
      { header: 'city', path: ['place', 'city'], type: 'string' },
    ])
    expect(readMirroredParams(schema({}))).toEqual([])
    // Data that looks like an annotation is none.
    expect(readMirroredParams(schema({ a: { type: 'object', default: { 'x-mcp-header': 'A' } } }))).toEqual([])
  })

  const annotated = (name: unknown, type: string = 'string') => ({ type, 'x-mcp-header': name })
  it.each([
    ['an empty name', schema({ a: annotated('') })],
    ['a name that is no token', schema({ a: annotated('a b') })],
    ['a line break', schema({ a: annotated('a\r\nb') })],
    ['a name that is no text', schema({ a: annotated(1) })],
    ['the same name twice', schema({ a: annotated('X'), b: annotated('x') })],
    ['a number', schema({ a: annotated('X', 'number') })],
    ['an object', schema({ a: annotated('X', 'object') })],
    ['a text or null', schema({ a: { type: ['string', 'null'], 'x-mcp-header': 'X' } })],
    ['a list of one type', schema({ a: { type: ['string'], 'x-mcp-header': 'X' } })],
    ['no type', schema({ a: { 'x-mcp-header': 'X' } })],
    ['items', schema({ a: { type: 'array', items: annotated('X') } })],
    ['a composition', { anyOf: [schema({ a: annotated('X') })] } as never],
    ['a definition', { $defs: { a: annotated('X') } } as never],
    ['the root', annotated('X', 'object') as never],
  ])('make the tool invalid by %s', (_name, broken) => {
    expect(readMirroredParams(broken)).toBeNull()
  })

  it('are printed from the very call, and where there is no value there is no header', () => {
    const mirrored = [
      { header: 'city', path: ['place', 'city'], type: 'string' },
      { header: 'days', path: ['days'], type: 'integer' },
    ] as const
    const params = { name: 'weather', arguments: { place: { city: 'Genève' }, days: null } }
    expect(mirroringHeaders('tools/call', params, mirrored)).toEqual({
      'mcp-method': 'tools/call',
      'mcp-name': 'weather',
      'mcp-param-city': '=?base64?R2Vuw6h2ZQ==?=',
    })
    expect(mirroringHeaders('tools/list', { name: 'x' }, [])).toEqual({ 'mcp-method': 'tools/list' })
    expect(mirroringHeaders('resources/read', { uri: 'file:///é' }, [])['mcp-name']).toMatch(/^=\?base64\?/)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from './message.ts'
import { parseJson, printJson } from './parse-strict.ts'
import { isRawNumber } from './raw-json.ts'

const request = (text: string, depthMax = 64) => parseJson(Buffer.from(text), { depthMax, numbers: 'request' })
const result = (text: string, depthMax = 64) => parseJson(Buffer.from(text), { depthMax, numbers: 'result' })
const reasonOf = (parsed: ReturnType<typeof request>) => (parsed.ok ? 'accepted' : parsed.refusal)

describe('strict JSON', () => {
  it('reads what JSON.parse reads, and prints it back', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const parsed = result(text)
        if (!parsed.ok) throw new Error(parsed.refusal)
        expect(JSON.parse(printJson(parsed.value))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('refuses what JSON.parse refuses, whatever the text', () => {
    const alphabet = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      'a',
      '1',
      '-',
      '.',
      'e',
      ' ',
      'null',
      'true',
      '\\u0061',
      '\n',
    )
    fc.assert(
      fc.property(
        fc.array(alphabet, { maxLength: 30 }).map((parts) => parts.join('')),
        (text) => {
          let isJson = true
          try {
            JSON.parse(text)
          } catch {
            isJson = false
          }
          if (!isJson) expect(request(text).ok).toBe(false)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('refuses a key written twice at any depth, however it is spelled', () => {
    const escaped = (key: string) =>
      [...key].map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 }),
        fc.jsonValue({ maxDepth: 2 }),
        fc.array(fc.constantFrom('array', 'object'), { maxLength: 6 }),
        fc.boolean(),
        (key, value, wrappers, isEscaped) => {
          const second = isEscaped ? `"${escaped(key)}"` : JSON.stringify(key)
          let text = `{${JSON.stringify(key)}:${JSON.stringify(value)},${JSON.stringify(`other ${key}`)}:1,${second}:{"x":1}}`
          for (const wrapper of wrappers) text = wrapper === 'array' ? `[0,${text}]` : `{"w":${text}}`
          expect(reasonOf(request(text))).toBe('a key is written twice in one object')
        },
      ),
    )
  })

  it.each([
    ['{"a":1,"a":1}'],
    ['{"a":1,"\\u0061":2}'],
    ['{"__proto__":1,"__proto__":2}'],
    ['{"a":{"b":1,"b":2},"a":1}'],
    ['[{"":0,"":1}]'],
    ['{"a:":{},"\\u0061:":1}'],
    ['{"\\\\":1,"\\u005c":2}'],
  ])('refuses %s', (text) => {
    expect(reasonOf(request(text))).toBe('a key is written twice in one object')
  })

  it('is not misled by colons, quotes and braces inside strings', () => {
    for (const text of [
      '{"a:b":":","\\":":"{}"}',
      '["\\\\",{"k":"\\\\\\""}]',
      '{"x":"\\\\"}',
      '":"',
      '{"a":"}{","b":"]"}',
    ]) {
      expect(request(text)).toEqual({ ok: true, value: JSON.parse(text) })
    }
  })

  it('keeps __proto__, constructor and toString as members of their own, through printing', () => {
    const text = '{"__proto__":{"isAdmin":true},"constructor":1,"toString":null}'
    const parsed = request(text)
    if (!parsed.ok) throw new Error(parsed.refusal)
    expect(printJson(parsed.value)).toBe(text)
    expect(printJson({ ...(parsed.value as { [key: string]: JsonValue }) })).toBe(text)
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
  })

  it('bounds depth at exactly the limit, without recursing into deeper text', () => {
    expect(request('[[[[]]]]', 4).ok).toBe(true)
    expect(reasonOf(request('[[[[[]]]]]', 4))).toBe('nested deeper than 4 levels')
    expect(reasonOf(request('['.repeat(1_000_000), 64))).toBe('nested deeper than 64 levels')
    expect(reasonOf(request(`${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}`, 64))).toBe(
      'nested deeper than 64 levels',
    )
    // Brackets in strings are not depth.
    expect(request(JSON.stringify(['['.repeat(1000)]), 4).ok).toBe(true)
  })

  it.each([
    ['a lone continuation byte', [0x22, 0x80, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a cut sequence', [0x22, 0xe2, 0x82, 0x22]],
    ['UTF-16', [0xff, 0xfe, 0x31, 0x00]],
  ])('refuses invalid UTF-8: %s', (_name, bytes) => {
    expect(reasonOf(parseJson(Uint8Array.from(bytes), { depthMax: 8, numbers: 'result' }))).toBe('not valid UTF-8')
  })

  it('refuses a byte order mark, two values, an empty body and a NUL', () => {
    for (const text of ['\ufeff{}', '{}{}', '{} x', '', ' ', '{}\0'])
      expect(reasonOf(request(text))).toBe('not valid JSON')
  })
})

describe('numbers of requests', () => {
  it.each(['9007199254740991', '-9007199254740991', '0', '-0', '1.5', '1e3', '0.1234567890123456789', '1e-400'])(
    'accepts %s',
    (text) => {
      expect(request(`{"n":${text}}`)).toEqual({ ok: true, value: { n: Number(text) } })
    },
  )

  it.each([
    '9007199254740992',
    '-9007199254740993',
    '12345678901234567890',
    '1e400',
    '-1e400',
    '1e20',
    '9007199254740992.0',
  ])('refuses %s, which policy and upstream could read differently', (text) => {
    expect(reasonOf(request(`{"a":[{"n":${text}}]}`))).toBe('a number is outside the exact range')
  })
})

describe('numbers of results', () => {
  it('come out as they went in, to the last digit', () => {
    const digits = fc.stringMatching(/^-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?$/)
    fc.assert(
      fc.property(digits, fc.boolean(), (number, isNested) => {
        const text = isNested ? `{"a":[${number},{"b":${number}}]}` : number
        const parsed = result(text)
        if (!parsed.ok) throw new Error(parsed.refusal)
        expect(printJson(parsed.value)).toBe(text)
      }),
      { numRuns: 2_000 },
    )
  })

  it('are plain numbers where nothing would be lost', () => {
    expect(result('[1,-7,1.5,123456789012345]')).toEqual({ ok: true, value: [1, -7, 1.5, 123456789012345] })
  })

  it('cannot be forged by an object that looks like a kept number', () => {
    const parsed = result('{"n":{"rawJSON":"1,\\"x\\":2"},"m":1.0}')
    if (!parsed.ok) throw new Error(parsed.refusal)
    const value = parsed.value as { n: JsonValue; m: JsonValue }
    expect(isRawNumber(value.n)).toBe(false)
    expect(isRawNumber(value.m)).toBe(true)
    expect(printJson(parsed.value)).toBe('{"n":{"rawJSON":"1,\\"x\\":2"},"m":1.0}')
  })
})

describe('half surrogate pairs', () => {
  it('are refused in requests, in values and keys, also as part of a longer text', () => {
    for (const text of ['"\\ud800"', '{"\\uDFFF":1}', '["ok","a\\ud83dz"]', '"\\ud83d\\u0041"', '"\\ude00\\ud83d"']) {
      expect(reasonOf(request(text))).toBe('a string holds half a surrogate pair')
    }
    expect(request('"\\ud83d\\ude00 \\\\ud800"').ok).toBe(true)
  })

  it('are carried through results as the escapes they came as', () => {
    const parsed = result('{"t":"cut \\ud83d"}')
    expect(parsed.ok && printJson(parsed.value)).toBe('{"t":"cut \\ud83d"}')
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJson, printJson } from './parse-strict.ts'

const both = ['request', 'result'] as const

/** Leaves in the engine's memory that after these members came a key that begins with a backslash; another message may have done so. */
function poison(before: string, key: string): void {
  JSON.parse(`{${before}${JSON.stringify(key)}:0}`)
}

function keysOf(text: string, numbers: 'request' | 'result'): string[] {
  const parsed = parseJson(Buffer.from(text), { depthMax: 64, numbers })
  if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null) throw new Error('not an object')
  return Object.keys(parsed.value)
}

describe.each(both)('keys with escapes, in a %s', (numbers) => {
  it.each([
    ['\\n', '\n', '\\'],
    ['\\u0061', 'a', '\\'],
    ['\\"', '"', '\\'],
    ['\\u00fcber', 'über', '\\u00'],
    ['\\ud83d\\ude00', '\u{1f600}', '\\u'],
  ])('"%s" is read as itself whatever was parsed before', (written, key, like) => {
    poison('"first":1,', like)
    expect(keysOf(`{"first":1,"${written}":2}`, numbers)).toEqual(['first', key])
    expect(keysOf(`{"first":1,"${written}" \t\r\n:2}`, numbers)).toEqual(['first', key])
  })

  it('are found to be written twice whatever was parsed before', () => {
    poison('"twice":1,', '\\u007')
    const text = '{"twice":1,"\\u0074wice":2}'
    expect(parseJson(Buffer.from(text), { depthMax: 64, numbers })).toMatchObject({ ok: false })
    expect(parseJson(Buffer.from('{"k0":1,"\\u006b0":2}'), { depthMax: 64, numbers })).toMatchObject({ ok: false })
  })

  it.each([
    '{"\\x":1}',
    '{"\\u12":1}',
    '{"a\\n\n":1}',
    '["\\n":1]',
    '{"\\n"}',
    '{"\\n":1,}',
    '{"\\n":"a":1}',
    '{"\\n"::1}',
    '{"\\n',
    '{\\n:1}',
    '{"a":1}"\\n":2',
    '{"\\n":1 "\\t":2}',
  ])('%s is still refused', (text) => {
    expect(parseJson(Buffer.from(text), { depthMax: 64, numbers })).toMatchObject({ ok: false })
  })

  it('change nothing about what is JSON and what is not', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      '\\u0061',
      '\\n',
      'a',
      '1',
      ' ',
      '\n',
      '"\\n":',
      '"a"',
    )
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        const text = `{"\\n":0,${tokens.join('')}}`
        const parsed = parseJson(Buffer.from(text), { depthMax: 64, numbers })
        const isUnreadable = !parsed.ok && parsed.refusal === 'not valid JSON'
        expect(isUnreadable).toBe(!isJson(text))
      }),
      { numRuns: 2_000 },
    )
  })

  it('make no difference to anything else that is read', () => {
    const key = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('__proto__', 'k0', 'k1', '1', '0', '', 'toJSON'),
    )
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: 'binary' }),
        fc.maxSafeInteger(),
        fc.constantFrom(null, true, [], {}),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
      ),
    })).value
    fc.assert(
      fc.property(value, (wanted) => {
        const text = JSON.stringify(wanted)
        const escaped = text.replace(STRINGS, (string) =>
          string.replace(/(\\.[0-9a-f]{0,4})|[a-z:]/g, (unit, kept?: string) => kept ?? escaped_(unit)),
        )
        for (const spelled of [text, escaped, `{"\\n":${escaped},"":${text}}`]) {
          const expected = readSlowly(spelled)
          const parsed = parseJson(Buffer.from(spelled), { depthMax: 64, numbers })
          expect(parsed.ok && printJson(parsed.value)).toBe(expected)
        }
      }),
    )
  })
})

const STRINGS = /"(?:[^"\\]|\\.)*"/g

function escaped_(unit: string): string {
  return `\\u00${unit.charCodeAt(0).toString(16)}`
}

/** The same text with each string in its plain spelling first, as far as it has one. */
function readSlowly(text: string): string {
  const plain = text.replace(STRINGS, (string) => JSON.stringify(JSON.parse(string)))
  return JSON.stringify(JSON.parse(plain))
}

/** The engine mistakes a key for another at worst; whether a text is JSON it tells rightly. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

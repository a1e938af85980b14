import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findSecrets, findSecretsIn } from './find-secrets.ts'
import { redactSecrets } from './redact-secrets.ts'
import { TextReader } from './text-reader.ts'

// Pieces that start a detector, continue it, or break it off just before it is satisfied.
const PIECES = [
  ...[
    'eyJ',
    'ghp_',
    'sk-',
    'SG.',
    'AKIA',
    'xoxb-',
    'sk_live_',
    'npm_',
    'hf_',
    'dapi',
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----',
    'PRIVATE KEY-----',
  ],
  ...[
    '-----END ',
    '-----',
    '://',
    '@',
    'Bearer ',
    'bearer',
    'Basic ',
    'token=',
    'password:',
    '"secret":"',
    "pwd='",
    'code=',
  ],
  ...[
    'cookie:',
    'authorization=',
    '\\"',
    '"',
    "'",
    '\\',
    '=',
    ':',
    '.',
    ' ',
    '\t',
    '\n',
    'a',
    'Z9',
    '_',
    '-',
    'é',
    '[redacted:',
  ],
]
const piece = fc.constantFrom(...PIECES)
const hostile = fc.oneof(
  fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join('')),
  fc
    .tuple(fc.array(piece, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 4000 }))
    .map(([pieces, times]) => pieces.join('').repeat(times)),
  fc.string({ unit: 'binary', maxLength: 200 }),
)

// Each of about fifty detectors passes over the text, and each `=` or `:` looks at most some hundred characters around.
const STEPS_PER_CHARACTER_MAX = 300
const STEPS_AT_LEAST = 2_000

test('looking for secrets takes a bounded number of steps per character, whatever the text', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const reader = new TextReader(text)
      findSecretsIn(reader)
      expect(reader.steps).toBeLessThanOrEqual(STEPS_AT_LEAST + STEPS_PER_CHARACTER_MAX * text.length)
    }),
    { numRuns: 400 },
  )
})

test.each(PIECES.flatMap((one) => ['', 'a', '=', '"', ' '].map((two) => one + two)))(
  'a long text of %j alone costs no more per character than a short one',
  (unit) => {
    const stepsPerCharacter = (times: number) => {
      const reader = new TextReader(unit.repeat(times))
      findSecretsIn(reader)
      return reader.steps / reader.text.length
    }
    expect(stepsPerCharacter(8_000)).toBeLessThanOrEqual(2 * stepsPerCharacter(500) + 50)
  },
)

test('findings lie inside the text, in order, without overlap, and everything between them is kept', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      let from = 0
      let expected = ''
      for (const { kind, start, end } of findSecrets(text)) {
        expect(start).toBeGreaterThanOrEqual(from)
        expect(end).toBeGreaterThan(start)
        expected += `${text.slice(from, start)}[redacted:${kind}]`
        from = end
      }
      expect(from).toBeLessThanOrEqual(text.length)
      expect(redactSecrets(text)).toBe(expected + text.slice(from))
    }),
    { numRuns: 600 },
  )
})

test('a token of known format is found wherever it stands', () => {
  const around = fc.string({ maxLength: 40 }).map((text) => text.replace(/-----/g, ''))
  const body = fc.string({
    unit: fc.constantFrom(...'abcdefghijkmnpqrstuvwxyzABCDEF23456789'),
    minLength: 36,
    maxLength: 60,
  })
  fc.assert(
    fc.property(
      around,
      fc.constantFrom('ghp_', 'sk_live_', 'glpat-', 'github_pat_'),
      body,
      around,
      (a, prefix, secret, b) => {
        expect(redactSecrets(`${a} ${prefix}${secret} ${b}`)).not.toContain(secret)
      },
    ),
  )
})

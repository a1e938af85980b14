import { expect, test } from 'vitest'
import { unfitArguments } from './unfit-arguments.ts'

test.for([
  ['every property of another type', { properties: { id: { type: 'integer' }, all: { type: 'boolean' } } }],
  ['an object as a word', { properties: { filter: { type: 'object' } }, required: ['filter'] }],
  ['nothing where something is required', { properties: { id: {} }, required: ['id'] }],
  ['one too many', { properties: {}, additionalProperties: false }],
] as const)('%s does not fit', ([name, schema]) => {
  const expected = {
    'every property of another type': { id: { 'sallyport-audit': true }, all: { 'sallyport-audit': true } },
    'an object as a word': { filter: 'sallyport-audit' },
    'nothing where something is required': {},
    'one too many': { 'sallyport-audit': true },
  }
  expect(unfitArguments(schema)).toEqual(expected[name])
})

test.for([undefined, null, {}, { type: 'object' }, { properties: { id: {} } }, { required: [] }, 'text', []])(
  'to %j anything may fit, and nothing is called',
  (schema) => expect(unfitArguments(schema)).toBe(null),
)

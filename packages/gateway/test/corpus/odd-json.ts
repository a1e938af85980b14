import fc from 'fast-check'
import { type Node, printWire, readWire } from './wire-text.ts'

/** JSON texts that are valid and seldom seen: what survives, and what may be refused, differs between what clients and servers say. */
export type Speaker = 'client' | 'server'

const PIECES = [
  '\u0000',
  '\u001f',
  '\u007f',
  '\u0085',
  '\u2028',
  '\u2029',
  '\ufeff',
  '\ufffd',
  '\ufffe',
  '\u202e',
  'e\u0301',
  '\u{1f469}\u200d\u{1f4bb}',
  '\u{10ffff}',
  '"',
  '\\',
  '\\u0041',
  '/',
  '</script>',
  '\n',
  '\r\n',
  'data: x\n\n',
  '\t',
  'ÿ',
  '東京',
]

/** Keys that objects of JavaScript have an opinion on, and keys of the protocol in places where they mean nothing. */
const ODD_KEYS = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'toJSON',
  'hasOwnProperty',
  'length',
  'then',
  'rawJSON',
  '0',
  '1',
  '10',
  '-1',
  '01',
  '4294967294',
  '4294967295',
  '9007199254740993',
  'jsonrpc ',
  'x-mcp-header',
  '$ref',
  'Ключ',
]

/** Numbers of clients: every one that a double holds exactly enough for the same double to be read again. */
const CLIENT_NUMBERS = [
  '0',
  '-0',
  '1.0',
  '1E5',
  '1e-7',
  '0.1e-7',
  '9007199254740991',
  '-9007199254740991',
  '5e-324',
  '-0.0',
  '0.30000000000000004',
]
const SERVER_NUMBERS = [
  ...CLIENT_NUMBERS,
  '9007199254740993',
  '-9007199254740993',
  '1e300',
  '1e400',
  '-1E+400',
  '123456789012345678901234567890',
  '1.00000000000000000000001',
  '1e-400',
  '100000000000000000000000',
]

/** One value as text. `depth` bounds how deep objects and arrays nest. */
export function oddValue(speaker: Speaker, depth = 4): fc.Arbitrary<string> {
  const text = oddText(speaker)
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: depth, depthSize: 'small' },
      text,
      fc.constantFrom(...(speaker === 'client' ? CLIENT_NUMBERS : SERVER_NUMBERS)),
      fc.oneof(
        fc.maxSafeInteger().map(String),
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter(isExact).map(String),
      ),
      fc.constantFrom('true', 'false', 'null', '{}', '[]', '""'),
      fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
      members(tie('value'), speaker).map((list) => `{${list.join(',')}}`),
    ),
  }))
  return value
}

/** Members of an object that has others already: unknown to the protocol, in an odd order, with odd values. */
export function oddMembers(speaker: Speaker, depth = 3): fc.Arbitrary<string> {
  return members(oddValue(speaker, depth), speaker).map((list) => list.map((member) => `,${member}`).join(''))
}

/** A string as text, each character plain or escaped. */
export function oddText(speaker: Speaker): fc.Arbitrary<string> {
  const piece = fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 6 }))
  const half = fc.constantFrom('\\ud800', '\\uDFFF', '\\ud83d')
  const spelled = fc
    .tuple(piece, fc.constantFrom('plain', 'escaped'))
    .map(([value, how]) => spell(value, how === 'escaped'))
  const pieces =
    speaker === 'client' ? spelled : fc.oneof({ weight: 9, arbitrary: spelled }, { weight: 1, arbitrary: half })
  return fc.array(pieces, { maxLength: 5 }).map((all) => `"${all.join('')}"`)
}

/** Blanks wherever JSON allows them. */
export function spaced(text: string): string {
  const space = (node: Node): string => {
    if (node.type === 'object') {
      return `{ ${node.members.map(([key, value]) => `\t${JSON.stringify(key)} : ${space(value)}`).join(' , ')} }`
    }
    if (node.type === 'array') return `[ ${node.items.map(space).join(' ,  ')} ]`
    return printWire(node)
  }
  return ` ${space(readWire(text))} `
}

/**
 * What must arrive, in one spelling. Two things that JavaScript does to JSON are known and allowed (README, "What JSON itself allows"):
 * members whose names are array indices come first, in ascending order; a client's numbers are printed as the shortest text of their double.
 */
export function asCarried(text: string, speaker: Speaker): string {
  return printWire(carried(readWire(text), speaker))
}

function carried(node: Node, speaker: Speaker): Node {
  if (node.type === 'array') return { ...node, items: node.items.map((item) => carried(item, speaker)) }
  if (node.type === 'word' && speaker === 'client' && /^[-\d]/.test(node.text)) {
    return { ...node, text: String(Number(node.text)) }
  }
  if (node.type !== 'object') return node
  const indices = node.members.filter(([key]) => isIndex(key)).toSorted(([a], [b]) => Number(a) - Number(b))
  const others = node.members.filter(([key]) => !isIndex(key))
  return { ...node, members: [...indices, ...others].map(([key, value]) => [key, carried(value, speaker)] as const) }
}

function isIndex(key: string): boolean {
  return /^(?:0|[1-9]\d{0,9})$/.test(key) && Number(key) < 2 ** 32 - 1
}

function members(value: fc.Arbitrary<string>, speaker: Speaker): fc.Arbitrary<string[]> {
  const key = fc.oneof(
    fc.constantFrom(...ODD_KEYS).map((name) => JSON.stringify(name)),
    oddText(speaker),
  )
  return fc
    .uniqueArray(fc.tuple(key, value), { selector: ([name]) => JSON.parse(name) as string, maxLength: 5 })
    .map((list) =>
      list.filter(([name]) => !KNOWN.has(JSON.parse(name) as string)).map(([name, one]) => `${name}:${one}`),
    )
}

/** Members that the messages of the tests have already. */
const KNOWN = new Set([
  'jsonrpc',
  'id',
  'method',
  'params',
  'result',
  'error',
  'name',
  'arguments',
  '_meta',
  'code',
  'message',
  'data',
  'task',
])

function isExact(value: number): boolean {
  return !Number.isInteger(value) || Number.isSafeInteger(value)
}

function spell(value: string, isEscaped: boolean): string {
  if (!isEscaped) return JSON.stringify(value).slice(1, -1)
  return [...Array(value.length).keys()]
    .map((at) => `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('')
}

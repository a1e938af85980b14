import { type CustomTypesConfig, types } from 'pg'

const BYTEA = 17
const INT8 = 20

/** How values come back: as on every engine. Whole numbers as numbers, bytes as plain ones. */
export const typeParsers: CustomTypesConfig = {
  getTypeParser: (oid, format) => {
    if (format === 'binary') throw new Error('the store asks for text only')
    if (Number(oid) === INT8) return parseInt8
    return Number(oid) === BYTEA ? parseBytes : types.getTypeParser(oid, 'text')
  },
}

/** Our counts and times stay far below 2^53; beyond it is a fault. */
function parseInt8(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError('the store holds a number that is too large')
  return value
}

/** The server writes bytes as `\\x` and hex. */
function parseBytes(text: string): Uint8Array {
  if (!text.startsWith('\\x')) throw new Error('the store answers bytes in another form than it was told to')
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
}

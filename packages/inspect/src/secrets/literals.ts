import type { TextReader } from './text-reader.ts'

/** Handles a literal that begins at `at`. */
export type OnLiteral<Named> = (named: Named, at: number) => void

const ASCII_END = 128

/**
 * Looks for many literals in one pass over the text, whatever their number: a table says by two neighbouring characters which of them may
 * begin there. Literals are ASCII and at least two characters long; at one place they are told in the order given.
 */
export function createLiterals<Named>(
  all: readonly { readonly literal: string; readonly named: Named }[],
  { ignoresCase }: { readonly ignoresCase: boolean },
): (reader: TextReader, onLiteral: OnLiteral<Named>) => void {
  const buckets: { readonly literal: string; readonly named: Named }[][] = [[]]
  const table = new Uint8Array(ASCII_END * ASCII_END)
  for (const one of all) {
    const [first = '', second = ''] = one.literal
    for (const a of ignoresCase ? spellings(first) : [first]) {
      for (const b of ignoresCase ? spellings(second) : [second]) {
        const pair = a.charCodeAt(0) * ASCII_END + b.charCodeAt(0)
        if (table[pair] === 0) table[pair] = buckets.push([]) - 1
        buckets[table[pair] ?? 0]?.push(one)
      }
    }
  }
  if (buckets.length > 256) throw new Error('more first pairs than the table can tell apart')

  return (reader, onLiteral) => {
    const { text } = reader
    reader.steps += text.length
    let before = ASCII_END
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      const bucket = code < ASCII_END && before < ASCII_END ? table[before * ASCII_END + code] : 0
      before = code
      if (bucket === 0 || bucket === undefined) continue
      for (const { literal, named } of buckets[bucket] ?? []) {
        reader.steps += literal.length
        if (isAt(text, at - 1, literal, ignoresCase)) onLiteral(named, at - 1)
      }
    }
  }
}

function spellings(letter: string): string[] {
  return [...new Set([letter.toLowerCase(), letter.toUpperCase()])]
}

/** A literal of which the case is ignored is given in lower case. */
function isAt(text: string, at: number, literal: string, ignoresCase: boolean): boolean {
  return ignoresCase ? text.slice(at, at + literal.length).toLowerCase() === literal : text.startsWith(literal, at)
}

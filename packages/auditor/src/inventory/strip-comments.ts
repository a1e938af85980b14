/**
 * JSON with comments and trailing commas as plain JSON of the same length, so that offsets stay true. Takes time linear
 * in the text. What is no JSON stays none: the caller's parser judges.
 */
export function stripComments(text: string): string {
  const kept: string[] = []
  let from = 0
  /** The last comma that may yet turn out to be a trailing one; null after anything but space and comments. */
  let comma: number | null = null
  const blank = (start: number, end: number): void => {
    kept.push(text.slice(from, start), text.slice(start, end).replace(/[^\r\n]/g, ' '))
    from = end
  }
  let at = text.startsWith('\uFEFF') ? 1 : 0
  if (at === 1) blank(0, 1)
  const commas: number[] = []
  while (at < text.length) {
    const character = text[at]
    if (character === '"') {
      at = endOfString(text, at)
      comma = null
    } else if (character === '/' && text[at + 1] === '/') {
      const end = endOfLine(text, at)
      blank(at, end)
      at = end
    } else if (character === '/' && text[at + 1] === '*') {
      const close = text.indexOf('*/', at + 2)
      const end = close === -1 ? text.length : close + 2
      blank(at, end)
      at = end
    } else {
      if (character === ',') comma = at
      else if (character === '}' || character === ']') {
        if (comma !== null) commas.push(comma)
        comma = null
      } else if (character !== ' ' && character !== '\t' && character !== '\n' && character !== '\r') comma = null
      at++
    }
  }
  kept.push(text.slice(from))
  return without(kept.join(''), commas)
}

function without(text: string, commas: readonly number[]): string {
  if (commas.length === 0) return text
  const parts: string[] = []
  let from = 0
  for (const comma of commas) {
    parts.push(text.slice(from, comma), ' ')
    from = comma + 1
  }
  parts.push(text.slice(from))
  return parts.join('')
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start)
  return end === -1 ? text.length : end
}

/** Behind the closing quote; the end of the text when there is none. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length) {
    if (text[at] === '\\') at += 2
    else if (text[at] === '"') return at + 1
    else at++
  }
  return text.length
}

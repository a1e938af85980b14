/** A name may differ by this many edits, and by at most half its length, to be suggested. */
const EDITS_MAX = 3
const NAME_CHARS_MAX = 64

/** The candidate that a reader most probably meant; null when none is near. Case and separators count little. */
export function closest(name: string, candidates: readonly string[]): string | null {
  if (name.length > NAME_CHARS_MAX) return null
  const plain = (text: string) => text.toLowerCase().replace(/[-_ ]/g, '')
  let best: { candidate: string; edits: number } | null = null
  for (const candidate of candidates) {
    const edits = editDistance(plain(name), plain(candidate))
    if (edits <= Math.min(EDITS_MAX, candidate.length / 2) && (best === null || edits < best.edits)) {
      best = { candidate, edits }
    }
  }
  return best?.candidate ?? null
}

/** Levenshtein distance. Both texts are short (see NAME_CHARS_MAX). */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const [at, character] of [...left].entries()) {
    const next = [at + 1]
    for (let column = 1; column <= right.length; column += 1) {
      const same = character === right[column - 1] ? 0 : 1
      next.push(Math.min((row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, (row[column - 1] ?? 0) + same))
    }
    row = next
  }
  return row[right.length] ?? 0
}

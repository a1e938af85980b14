const DEPTH_MAX = 5
const CHARACTERS_MAX = 500
const MEMBERS = ['error', 'error_description', 'code', 'status', 'message'] as const

/**
 * What an error of the way to a provider says, for the operator who tries it out: the provider's own `error` and `error_description`
 * (RFC 6749 §5.2), the library's code, and whatever caused it. Never a response, and nothing of what was sent.
 */
export function wordsOf(cause: unknown): string | null {
  const words: string[] = []
  let at: unknown = cause
  for (let depth = 0; depth < DEPTH_MAX && at instanceof Error; depth += 1) {
    const error = at as Error & Readonly<Record<string, unknown>>
    for (const member of MEMBERS) {
      const value = error[member]
      const word = typeof value === 'number' ? `status ${value}` : value
      if (typeof word === 'string' && word !== '' && !words.includes(word)) words.push(word)
    }
    at = error.cause
  }
  return words.length === 0 ? null : words.join('; ').slice(0, CHARACTERS_MAX)
}

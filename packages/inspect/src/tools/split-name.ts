/** Names longer than this are cut; the rest can only hide evidence, so a cut name is reported as unreadable. */
const NAME_CHARACTERS_MAX = 256

export interface NameWords {
  /** Lower-case words in order: `getUserByID2` is get, user, by, id. */
  readonly words: readonly string[]
  /** False when the name holds characters beyond ASCII (look-alikes of letters among them) or was cut. */
  readonly isReadable: boolean
}

/** Splits camelCase, PascalCase, snake_case, kebab-case, dotted and slashed names into words. Digits only separate. */
export function splitName(name: string): NameWords {
  const cut = name.slice(0, NAME_CHARACTERS_MAX)
  const words = cut
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '')
  // Whatever is not printable ASCII could spell a verb we do not see, so the caller treats the name as unknown.
  const isReadable = cut.length === name.length && /^[\x20-\x7e]+$/.test(name) && words.length > 0
  return { words, isReadable }
}

const NAME_CHARACTERS_MAX = 80

/**
 * A name that its bearer chose, made fit to show: no control, formatting or direction characters (they could rewrite the sentence around
 * it), single spaces, at most 80 characters. Null when nothing is left. Escaping is the template's work.
 */
export function printableName(name: string): string | null {
  const text = name
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu, '')
    .replace(/\p{M}{3,}/gu, (marks) => [...marks].slice(0, 2).join(''))
    .replace(/\s+/gu, ' ')
    .trim()
  const characters = [...text]
  if (characters.length === 0) return null
  return characters.length > NAME_CHARACTERS_MAX ? `${characters.slice(0, NAME_CHARACTERS_MAX - 1).join('')}…` : text
}

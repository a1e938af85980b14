/**
 * What a terminal would obey instead of show: control characters (C0, DEL, C1), invisible and direction-changing ones, line separators,
 * and halves of characters. Whatever a target or a file says goes through here before it is shown.
 */
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Cs}|\p{Variation_Selector}/gu

/** Text for one line of a terminal; what cannot be shown is spelled out as `\u{1b}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** JSON that is safe to show as well: the same characters as `\u` escapes, which JSON readers undo. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(UNPRINTABLE, (match) =>
    match === '\n'
      ? match
      : Array.from(
          { length: match.length },
          (_, at) => `\\u${match.charCodeAt(at).toString(16).padStart(4, '0')}`,
        ).join(''),
  )
}

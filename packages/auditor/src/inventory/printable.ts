const CHARACTERS_MAX = 500

/**
 * Text from a configuration or a server, fit for any report: control characters (C1 included, where terminals know a
 * one-byte escape), characters that turn the direction, that are invisible or that stand for hidden text are written out
 * as `\u{…}`, and what is too long is cut. Applied when a report is made, so that no format can forget it.
 */
export function printable(text: string, charactersMax = CHARACTERS_MAX): string {
  const cut = text.length > charactersMax ? `${text.slice(0, charactersMax).replace(/[\uD800-\uDBFF]$/u, '')}…` : text
  return cut.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** Controls, formats (bidi, zero width, tags), separators of lines, surrogates alone, private use; variation selectors. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\uFE00-\uFE0F\u{E0100}-\u{E01EF}\u115F\u1160\u3164\uFFA0]/gu

/**
 * Invisible or reordering characters: controls, format (bidi, zero-width, tags), private use, unassigned, line separators, fillers of
 * several scripts, the combining grapheme joiner and variation selectors.
 */
const INVISIBLE = new RegExp(
  [
    '\\p{C}',
    '\\p{Zl}',
    '\\p{Zp}',
    '\\u034f',
    '[\\u115f\\u1160\\u2800\\u3164\\uffa0]',
    '[\\u17b4-\\u17b5]',
    '[\\ufe00-\\ufe0f]',
    '[\\u{e0100}-\\u{e01ef}]',
  ].join('|'),
  'gu',
)
/** More than two marks on one letter grow over the neighbouring lines. */
const STACKED_MARKS = /(\p{M}{2})\p{M}+/gu

/**
 * Text from a client as it may be shown to a person: one line of visible characters in reading order. What cannot be seen is taken
 * out rather than refused, so that the text that is stored, compared and shown is what the eye would read anyway.
 */
export function cleanDisplayText(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[\t\n\r\p{Zs}]+/gu, ' ')
    .replace(INVISIBLE, '')
    .replace(STACKED_MARKS, '$1')
    .replace(/ {2,}/g, ' ')
    .trim()
}

import { type Html, type HtmlValue, html } from '#http/html.ts'
import { TEXTS, type TextKey, type TextValues } from './texts.ts'

/** The text of a key as markup. Values are escaped unless they are markup themselves. */
export function say<Key extends TextKey>(key: Key, ...[values]: TextValues<Key>): Html {
  return html`${parts(key, values ?? {})}`
}

/** The text of a key as a plain string, for titles and attributes. */
export function sayPlainly<Key extends TextKey>(key: Key, ...[values]: TextValues<Key, string | number>): string {
  return parts(key, values ?? {}).join('')
}

/** A length of time in the largest unit that loses little: up for waits, so that waiting that long is enough; down for ages. */
export function sayDuration(seconds: number, rounding: 'up' | 'down' = 'up'): string {
  const units = [
    { size: 86_400, from: 172_800, one: 'time.days.one', other: 'time.days.other' },
    { size: 3_600, from: 3_600, one: 'time.hours.one', other: 'time.hours.other' },
    { size: 60, from: 60, one: 'time.minutes.one', other: 'time.minutes.other' },
    { size: 1, from: 0, one: 'time.seconds.one', other: 'time.seconds.other' },
  ] as const
  const unit = units.find(({ from }) => seconds >= from) ?? units[3]
  const count = Math.max(1, (rounding === 'up' ? Math.ceil : Math.floor)(seconds / unit.size))
  return count === 1 ? sayPlainly(unit.one) : sayPlainly(unit.other, { count })
}

function parts<Value extends HtmlValue>(key: TextKey, values: Readonly<Record<string, Value>>): (Value | string)[] {
  // Splitting by a captured group puts the placeholder names at the odd places.
  return TEXTS[key].split(/\{(\w+)\}/).map((part, index) => {
    if (index % 2 === 0) return part
    const value = values[part]
    if (value === undefined) throw new TypeError(`the text ${key} needs a value for ${part}`)
    return value
  })
}

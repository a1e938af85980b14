/** A set of ASCII characters. Everything beyond ASCII is outside every set. */
export type CharacterSet = Uint8Array

/** Builds a set from its members; `a-z`, `A-Z` and `0-9` stand for their ranges, everything else for itself. */
export function characters(members: string): CharacterSet {
  const set = new Uint8Array(128)
  const expanded = members
    .replace('a-z', 'abcdefghijklmnopqrstuvwxyz')
    .replace('A-Z', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')
    .replace('0-9', '0123456789')
  for (const character of expanded) set[character.charCodeAt(0)] = 1
  return set
}

export const ALPHANUMERIC = characters('a-zA-Z0-9')
export const BASE64URL = characters('a-zA-Z0-9_-')
export const BLANK = characters(' \t')

/**
 * A text that counts how many characters were looked at. Every detector reads through one, so that "linear in the
 * text" is a number a test can hold, on any machine and under any load.
 */
export class TextReader {
  readonly text: string
  steps = 0

  constructor(text: string) {
    this.text = text
    this.steps = text.length
  }

  /** Position of the literal at or after `from`, or -1. */
  find(literal: string, from: number): number {
    const at = this.text.indexOf(literal, from)
    this.steps += (at === -1 ? this.text.length : at) - from + 1
    return at
  }

  /** End (exclusive) of the run of characters inside `set` that starts at `from`. */
  skip(set: CharacterSet, from: number): number {
    const { text } = this
    let at = from
    while (at < text.length && set[text.charCodeAt(at)] === 1) at++
    this.steps += at - from + 1
    return at
  }

  /** End (exclusive) of the run of characters outside `set` that starts at `from`. */
  skipUntil(set: CharacterSet, from: number): number {
    const { text } = this
    let at = from
    while (at < text.length && set[text.charCodeAt(at)] !== 1) at++
    this.steps += at - from + 1
    return at
  }

  /** Whether any character from `from` up to `end` (exclusive) is in the set. */
  has(set: CharacterSet, from: number, end: number): boolean {
    for (let at = from; at < end; at++) {
      this.steps++
      if (this.isIn(set, at)) return true
    }
    return false
  }

  isIn(set: CharacterSet, at: number): boolean {
    return at >= 0 && set[this.text.charCodeAt(at)] === 1
  }
}

/**
 * Whether printed JSON holds any of these texts. The needles are printed the same way (escaped, without quotes), so looking at the text
 * sees every string and every key, however deep.
 */
export function textHolds(printed: string, needles: readonly string[]): boolean {
  return needles.some((needle) => needle !== '' && printed.includes(needle))
}

const LENGTH_MIN = 8
/** Bits per character; English words stay below, hex and base64 of this length lie above. */
const ENTROPY_BITS_MIN = 2.75

/** Whether a short value looks generated rather than written: long enough, mixed, and of high Shannon entropy. */
export function looksRandom(value: string): boolean {
  // An error code such as ERR_HTTP2_STREAM is a name, however mixed.
  if (value.length < LENGTH_MIN || /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(value)) return false
  const hasDigit = /[0-9]/.test(value)
  const isMixedCase = /[a-z]/.test(value) && /[A-Z]/.test(value)
  return (hasDigit || isMixedCase || value.length >= 32) && entropyBits(value) >= ENTROPY_BITS_MIN
}

function entropyBits(value: string): number {
  const counts = new Map<string, number>()
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length)
  return bits
}

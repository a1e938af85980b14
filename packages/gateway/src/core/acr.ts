/** `acr` of our tokens (RFC 9068 §2.2.1): how sure the login was. Names are ours; resource servers compare them as strings. */
export const SINGLE_FACTOR = 'urn:sallyport:acr:single-factor'
export const MULTI_FACTOR = 'urn:sallyport:acr:multi-factor'

/** From the methods used (RFC 8176): `mfa` says it outright, two different ones amount to it. */
export function acrOf(amr: readonly string[]): string {
  return amr.includes('mfa') || new Set(amr).size > 1 ? MULTI_FACTOR : SINGLE_FACTOR
}

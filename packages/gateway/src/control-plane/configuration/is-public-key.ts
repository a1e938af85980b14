/** RFC 7518 §6: `d` and the primes are private members, `k` is a symmetric key. */
export function isPublicKey(jwk: Readonly<Record<string, unknown>>): boolean {
  if (jwk['kty'] !== 'RSA' && jwk['kty'] !== 'EC' && jwk['kty'] !== 'OKP') return false
  return !['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'].some((member) => member in jwk)
}

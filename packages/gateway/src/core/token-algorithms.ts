/** What access tokens may be signed with. ES256 unless a server says otherwise; RS256 for resource servers that know nothing else. */
export const TOKEN_ALGORITHMS = ['ES256', 'RS256', 'EdDSA'] as const
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number]

export const DEFAULT_TOKEN_ALGORITHM: TokenAlgorithm = 'ES256'

export function isTokenAlgorithm(value: unknown): value is TokenAlgorithm {
  return TOKEN_ALGORITHMS.some((known) => known === value)
}

/** What kind of secret it is; goes into `[redacted:kind]`, so it holds only lower-case letters and hyphens. */
export type SecretKind = string

export interface SecretFinding {
  readonly kind: SecretKind
  /** UTF-16 offsets into the text, end exclusive. */
  readonly start: number
  readonly end: number
}

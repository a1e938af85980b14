import { findAssignments } from './find-assignments.ts'
import { findHeaderCredentials } from './find-header-credentials.ts'
import { findPrivateKeys } from './find-private-keys.ts'
import { findTokens } from './find-tokens.ts'
import { findUrlCredentials } from './find-url-credentials.ts'
import type { SecretFinding } from './finding.ts'
import { TextReader } from './text-reader.ts'

export type { SecretFinding, SecretKind } from './finding.ts'

/**
 * Finds credentials in a text: tokens of known format, private keys, values behind secret-sounding names, URL userinfo
 * and authentication headers. Answers non-overlapping spans in order. Takes time linear in the text, whatever it holds.
 * Finds what announces itself; a bare random string without name or prefix is not found.
 */
export function findSecrets(text: string): SecretFinding[] {
  return findSecretsIn(new TextReader(text))
}

/** The same over a reader that the caller keeps, to see afterwards how many characters were looked at. */
export function findSecretsIn(reader: TextReader): SecretFinding[] {
  return mergeOverlaps([
    ...findPrivateKeys(reader),
    ...findTokens(reader),
    ...findUrlCredentials(reader),
    ...findHeaderCredentials(reader),
    ...findAssignments(reader),
  ])
}

/** Overlapping spans become one, named after the first that begins. */
function mergeOverlaps(findings: SecretFinding[]): SecretFinding[] {
  const merged: SecretFinding[] = []
  for (const finding of findings.sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1)
    if (last === undefined || finding.start >= last.end) merged.push(finding)
    else if (finding.end > last.end) merged[merged.length - 1] = { ...last, end: finding.end }
  }
  return merged
}

import { isPrivateKeyLabel, PRIVATE_KEY_BEGIN, PRIVATE_KEY_END } from './find-private-keys.ts'
import { redactSecrets } from './redact-secrets.ts'

/** A private key that never ends stops being one after so many lines, so that one stray BEGIN can't mute a process. */
const PRIVATE_KEY_LINES_MAX = 200

export interface LineRedactor {
  /** The line as it may be shown, or null for the inner lines of a private key. */
  redact(line: string): string | null
}

/** Redacts output that arrives line by line: the one secret that spans lines is remembered from one to the next. */
export function createLineRedactor(): LineRedactor {
  let keyLinesLeft = 0
  return {
    redact(line) {
      if (keyLinesLeft > 0) {
        const isLast = line.includes(PRIVATE_KEY_END)
        keyLinesLeft = isLast ? 0 : keyLinesLeft - 1
        return null
      }
      const begin = line.lastIndexOf(PRIVATE_KEY_BEGIN)
      if (begin !== -1 && !line.includes(PRIVATE_KEY_END, begin) && isPrivateKeyLabel(line.slice(begin))) {
        keyLinesLeft = PRIVATE_KEY_LINES_MAX
      }
      return redactSecrets(line)
    },
  }
}

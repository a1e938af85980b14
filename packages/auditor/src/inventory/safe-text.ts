import { printable } from '#cli/printable.ts'

const CHARACTERS_MAX = 500

/** Text from a configuration or a server as a report may hold it: printable, and no longer than is worth reading. */
export function safeText(text: string, charactersMax = CHARACTERS_MAX): string {
  return printable(text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text)
}

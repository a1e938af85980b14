import { endProcessesNaming } from './end-orphans.ts'

/** Folders of ended children whose runaways are to be looked for. */
const waiting = new Set<string>()
let round: Promise<void> | null = null

/**
 * Ends what a child started and what left its process group (`setsid`): it has the child's private folder in its environment. One look at
 * all processes at a time; children that end meanwhile share the next. Resolves when the look that began after this call is done.
 * A process that wiped its environment is not found: stdio servers are not sandboxed (SECURITY.md).
 */
export async function endEscaped(privateDir: string): Promise<void> {
  waiting.add(privateDir)
  if (round !== null) await round
  if (waiting.has(privateDir)) round ??= look()
  await round
}

async function look(): Promise<void> {
  const folders = [...waiting]
  waiting.clear()
  try {
    await endProcessesNaming((value) => folders.some((folder) => value === folder || value.startsWith(`${folder}/`)))
  } finally {
    round = null
  }
}

import { readFile } from 'node:fs/promises'

const KEPT_FILES_MAX = 4
const kept = new Map<string, readonly string[]>()

/** The tokens of a file, one a line; the last few files are remembered. */
export async function readTokens(file: string | null): Promise<readonly string[]> {
  if (file === null) return []
  const known = kept.get(file)
  if (known !== undefined) return known
  const tokens = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  if (tokens.length === 0) throw new Error(`${file} holds no tokens`)
  kept.set(file, tokens)
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_FILES_MAX) break
    kept.delete(oldest)
  }
  return tokens
}

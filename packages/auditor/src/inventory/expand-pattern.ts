import { opendir } from 'node:fs/promises'

/** What one pattern may look at; a folder with more is reported as looked at in part. */
export interface ExpansionLimits {
  readonly entriesMax: number
  readonly pathsMax: number
  /** Folders that `**` descends. */
  readonly depthMax: number
}

export const EXPANSION_LIMITS: ExpansionLimits = { entriesMax: 20_000, pathsMax: 500, depthMax: 5 }

export interface Expansion {
  readonly paths: readonly string[]
  /** False when a limit ended the search. */
  readonly isComplete: boolean
}

/**
 * The paths below a folder that a pattern stands for, in a stable order. Without a wildcard that is one path, which need
 * not exist. Folders behind symbolic links are not entered, so that a link can't lead in circles or out of the folder.
 */
export async function expandPattern(
  folder: string,
  pattern: string,
  limits: ExpansionLimits = EXPANSION_LIMITS,
): Promise<Expansion> {
  const search = { limits, entries: 0, paths: [] as string[], isComplete: true }
  await descend(search, folder, pattern.split('/'), 0)
  return { paths: search.paths.toSorted(), isComplete: search.isComplete }
}

interface Search {
  readonly limits: ExpansionLimits
  entries: number
  readonly paths: string[]
  isComplete: boolean
}

async function descend(search: Search, folder: string, segments: readonly string[], depth: number): Promise<void> {
  const fixed = segments.findIndex((segment) => segment.includes('*'))
  if (fixed === -1) return keep(search, [folder, ...segments].join('/'))
  const here = [folder, ...segments.slice(0, fixed)].join('/')
  const [wildcard, ...rest] = segments.slice(fixed)
  if (wildcard === undefined) return
  if (wildcard === '**') return descendAnywhere(search, here, rest, depth)
  const isLast = rest.length === 0
  for (const entry of await entriesOf(search, here)) {
    if (!matches(entry.name, wildcard)) continue
    if (isLast) keep(search, `${here}/${entry.name}`)
    else if (entry.isFolder) await descend(search, `${here}/${entry.name}`, rest, depth)
  }
}

/** `**` stands for no folder, or for some. */
async function descendAnywhere(search: Search, here: string, rest: readonly string[], depth: number): Promise<void> {
  const entries = await entriesOf(search, here)
  const [name] = rest
  for (const entry of entries) {
    if (rest.length === 1 && name !== undefined && entry.name === name) keep(search, `${here}/${entry.name}`)
    if (!entry.isFolder) continue
    if (depth >= search.limits.depthMax) search.isComplete = false
    else await descendAnywhere(search, `${here}/${entry.name}`, rest, depth + 1)
  }
}

function keep(search: Search, path: string): void {
  if (search.paths.length < search.limits.pathsMax) search.paths.push(path)
  else search.isComplete = false
}

/** A folder that is missing or can't be read has no entries: that a client is not installed is no problem. */
async function entriesOf(search: Search, folder: string): Promise<{ name: string; isFolder: boolean }[]> {
  const entries: { name: string; isFolder: boolean }[] = []
  try {
    for await (const entry of await opendir(folder)) {
      if (search.entries >= search.limits.entriesMax) {
        search.isComplete = false
        break
      }
      search.entries++
      entries.push({ name: entry.name, isFolder: entry.isDirectory() })
    }
  } catch {
    return []
  }
  return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function matches(name: string, wildcard: string): boolean {
  const [before = '', after = ''] = wildcard.split('*')
  return name.length >= before.length + after.length && name.startsWith(before) && name.endsWith(after)
}

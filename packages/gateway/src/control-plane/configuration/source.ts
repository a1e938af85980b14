import { readFile, stat } from 'node:fs/promises'
import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, type ParsedNode, parseDocument } from 'yaml'
import { ok, type Result, refused } from '#core/result.ts'
import { systemErrorCode } from '#core/system-error.ts'
import type { ConfigurationProblem } from './problem.ts'
import { printPath } from './problem.ts'

/** A configuration of thousands of servers fits; a file picked by mistake does not. */
const FILE_BYTES_MAX = 1024 * 1024
/** How often aliases may be followed in all: enough for shared blocks, too little for a file that expands to gigabytes. */
const ALIASES_MAX = 100

/** Where in the file something is. Paths that do not exist (missing keys) are placed at the nearest parent that does. */
export interface Source {
  readonly file: string
  /** Untyped content, before validation. */
  readonly value: unknown
  readonly bytes: Uint8Array
  problem(
    path: readonly PropertyKey[],
    problem: string,
    instead?: string | null,
    at?: 'key' | 'value',
  ): ConfigurationProblem
}

/** Reads and parses the file. Syntax errors, duplicate keys and expanding aliases are problems with their place. */
export async function readSource(file: string): Promise<Result<Source, ConfigurationProblem[]>> {
  const bytes = await readBounded(file)
  return bytes.ok ? parseSource(file, bytes.value) : refused([unplaced(file, bytes.refusal)])
}

/** Pure part of `readSource`. */
export function parseSource(file: string, bytes: Uint8Array): Result<Source, ConfigurationProblem[]> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return refused([unplaced(file, 'The file is not valid UTF-8. Save it as UTF-8.')])
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true, merge: false })
  // An unknown tag is only a warning to the parser; here nothing is guessed.
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    return refused(
      faults.map((fault) => {
        const { line, col } = lines.linePos(fault.pos[0])
        return { file, line, column: col, path: '', ...describeSyntax(fault.code, fault.message) }
      }),
    )
  }
  if (document.contents === null)
    return refused([unplaced(file, 'The file is empty. Run `sallyport init` for a start.')])
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch {
    return refused([unplaced(file, `Aliases (*name) expand to more than ${ALIASES_MAX} copies. Write the values out.`)])
  }
  const contents: ParsedNode = document.contents
  return ok({
    file,
    value,
    bytes,
    problem: (path, problem, instead = null, at = 'value') => {
      const { line, col } = lines.linePos(offsetOf(contents, path, at))
      return { file, line, column: col, path: printPath(path), problem, instead }
    },
  })
}

async function readBounded(file: string): Promise<Result<Uint8Array, string>> {
  try {
    const found = await stat(file)
    if (!found.isFile()) return refused('This is not a file.')
    if (found.size > FILE_BYTES_MAX) return refused(`The file is larger than ${FILE_BYTES_MAX} bytes.`)
    return ok(await readFile(file))
  } catch (cause) {
    return refused(describeReadFailure(cause))
  }
}

/** The reason in plain words; the operating system's own code is kept for the rare ones. */
export function describeReadFailure(cause: unknown): string {
  const code = systemErrorCode(cause) ?? 'unknown'
  if (code === 'ENOENT') return 'There is no such file.'
  if (code === 'EACCES' || code === 'EPERM') return 'This user may not read the file.'
  return `The file cannot be read (${code}).`
}

function describeSyntax(code: string, message: string): { problem: string; instead: string | null } {
  if (code === 'DUPLICATE_KEY') return { problem: 'This key is here twice.', instead: 'Keep one of the two.' }
  if (code === 'TAB_AS_INDENT') return { problem: 'A tab indents this line.', instead: 'Indent with spaces.' }
  if (code === 'MULTIPLE_DOCS') return { problem: 'A second document begins here.', instead: 'Remove the `---`.' }
  const sentence = message.split('\n')[0] ?? message
  return { problem: `YAML syntax: ${sentence.endsWith('.') ? sentence : `${sentence}.`}`, instead: null }
}

function unplaced(file: string, problem: string): ConfigurationProblem {
  return { file, line: 0, column: 0, path: '', problem, instead: null }
}

/** Walks the parsed nodes as far as they go; `key` answers the place of the last key rather than of its value. */
function offsetOf(root: Node, path: readonly PropertyKey[], at: 'key' | 'value'): number {
  let node: Node = root
  let offset = root.range?.[0] ?? 0
  for (const [index, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      )
      if (pair === undefined) return offset
      const key = pair.key as Node // stringKeys: true, so every key is a scalar node
      const value = pair.value as Node | null
      offset = key.range?.[0] ?? offset
      if (index === path.length - 1 && at === 'key') return offset
      if (value === null) return offset
      node = value
      // An empty value has no text of its own; its key is where the reader looks.
      const isEmpty = value.range !== undefined && value.range !== null && value.range[0] === value.range[1]
      if (!isEmpty && !isMap(value) && !isSeq(value)) offset = value.range?.[0] ?? offset
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(step)]
      if (item === undefined || item === null) return offset
      node = item as Node // items of a parsed sequence are nodes
      offset = node.range?.[0] ?? offset
    } else return offset
  }
  return offset
}

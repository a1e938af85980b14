import { posix } from 'node:path'
import { MAY_IMPORT, MAY_READ_SURROUNDINGS, ONLY_IN } from './rules.ts'

export interface SourceFile {
  /** Path below packages/gateway/src, with forward slashes. */
  readonly path: string
  readonly text: string
}

export interface Scan {
  readonly imports: number
  /** One sentence for each rule that a file breaks. */
  readonly violations: readonly string[]
}

/** Judges every import of every file against the tables of rules.ts. Pure: the caller reads the files. */
export function findViolations(files: readonly SourceFile[]): Scan {
  let imports = 0
  const violations: string[] = []
  for (const file of files) {
    const { specifiers, isUnderstood } = readImports(file.text)
    imports += specifiers.length
    if (!isUnderstood) violations.push(`${file.path}: an import that this test cannot read`)
    for (const specifier of specifiers) {
      const violation = judgeImport(file.path, specifier)
      if (violation !== null) violations.push(`${file.path}: ${violation}`)
    }
    if (readsSurroundings(file.text) && !isBelow(file.path, MAY_READ_SURROUNDINGS)) {
      violations.push(`${file.path}: reads process.env or process.argv`)
    }
  }
  return { imports, violations }
}

function judgeImport(path: string, specifier: string): string | null {
  if (!specifier.startsWith('#') && !specifier.startsWith('.')) {
    const [name, places] = Object.entries(ONLY_IN).find(([one]) => isOrIsWithin(specifier, one)) ?? []
    return places === undefined || isBelow(path, places)
      ? null
      : `imports ${name}, which is for ${places.join(', ') || 'nobody'}`
  }
  const target = specifier.startsWith('#') ? specifier.slice(1) : posix.join(posix.dirname(path), specifier)
  if (!target.endsWith('.ts')) return `imports ${specifier} without its extension`
  if (target.startsWith('..')) return `imports ${specifier}, which is outside src`
  if (target.endsWith('.test.ts')) return `imports the test ${target}`
  if (specifier.startsWith('.') && topFolder(path) !== topFolder(target)) {
    return `imports ${specifier} by a relative path into another folder; write #${target}`
  }
  const from = partOf(path)
  const to = partOf(target)
  const allowed = MAY_IMPORT[from]
  if (allowed === undefined) return `is in '${from}', which no rule knows`
  return from === to || allowed.includes(to) ? null : `'${from}' imports '${to}' (${target})`
}

/** Ports and the errors they promise are a part of their own: hardly anybody may know the engines beside them. */
function partOf(path: string): string {
  if (path.startsWith('store/ports/') || path === 'store/errors.ts') return 'store/ports'
  return topFolder(path)
}

/** `serve.ts` and `serve/` are one part: the file tells the story, the folder holds its steps. */
function topFolder(path: string): string {
  return (path.split('/')[0] ?? path).replace(/\.ts$/, '')
}

function isOrIsWithin(specifier: string, name: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`)
}

function isBelow(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || (place.endsWith('/') && path.startsWith(place)))
}

/**
 * Every module that a file names: static and dynamic imports, re-exports, worker and child modules by `new URL`.
 * Comments and strings are not told apart from code, so this sees too much rather than too little. `isUnderstood` is
 * false when a line begins an import whose module was not found, or a dynamic import has no literal.
 */
function readImports(text: string): { specifiers: string[]; isUnderstood: boolean } {
  const statics = [...text.matchAll(/^(?:import|export)\b(?:[^'"`;=]*?\bfrom)?\s*(['"])([^'"\n]+)\1/gm)]
  const dynamics = [...text.matchAll(/\b(?:import|require|importActual)\s*\(\s*(['"`])([^'"`\n$]+)\1/g)]
  const urls = [
    ...text.matchAll(
      /new URL\(\s*(?:[^,()]*\?\s*)?(['"])(\.[^'"\n]+)\1(?:\s*:\s*(['"])[^'"\n]+\3)?\s*,\s*import\.meta\.url/g,
    ),
  ]
  const importLines = [...text.matchAll(/^import\b(?!\s*[.(])/gm)].length
  const dynamicCalls = [...text.matchAll(/(?<![.\w])import\s*\(/g)].length
  const isUnderstood =
    statics.filter(([statement]) => statement.startsWith('import')).length === importLines &&
    dynamics.filter(([call]) => call.startsWith('import')).length >= dynamicCalls
  const specifiers = [...statics, ...dynamics].map((match) => match[2] ?? '')
  // Only TypeScript modules: a URL may also name a folder or a data file.
  specifiers.push(...urls.map((match) => match[2] ?? '').filter((specifier) => specifier.endsWith('.ts')))
  return { specifiers, isUnderstood }
}

/** Lines that are nothing but comment may talk about it. */
function readsSurroundings(text: string): boolean {
  return text
    .split('\n')
    .filter((line) => !/^\s*(?:\/\/|\/?\*)/.test(line))
    .some((line) => /\bprocess\s*\??\.\s*(?:env|argv)\b|\bprocess\[/.test(line) || /from 'node:process'/.test(line))
}

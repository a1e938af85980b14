/** One thing wrong (or doubtful) in the configuration file, said so that the reader can mend it without the manual. */
export interface ConfigurationProblem {
  readonly file: string
  /** 1-based. 0 when the file could not be read at all. */
  readonly line: number
  readonly column: number
  /** Dotted path of the key, `servers.files.stdio.env.API_KEY`; empty for the file as a whole. */
  readonly path: string
  readonly problem: string
  /** What to write instead; null when the problem says it already. */
  readonly instead: string | null
}

/** `sallyport.yaml:12:5: servers.files: … Write …` */
export function printProblem(problem: ConfigurationProblem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`
  const path = problem.path === '' ? '' : `${problem.path}: `
  return `${place}: ${path}${problem.problem}${problem.instead === null ? '' : ` ${problem.instead}`}`
}

/** A key's path as YAML readers write it. */
export function printPath(path: readonly PropertyKey[]): string {
  return path.map(String).join('.')
}

/** Of one file's problems. */
export function inFileOrder(problems: readonly ConfigurationProblem[]): ConfigurationProblem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column)
}

import { type ConfigurationProblem, printProblem } from '#control-plane/configuration/problem.ts'

/** Every problem on a line of its own; when there is no file to have problems, how to get one. */
export function explainProblems(problems: readonly ConfigurationProblem[]): string {
  const lines = problems.map(printProblem)
  const isMissing = problems.some(({ line, problem }) => line === 0 && problem === 'There is no such file.')
  if (isMissing) lines.push('Write one with `sallyport init`, or name another with --config.')
  return lines.join('\n')
}

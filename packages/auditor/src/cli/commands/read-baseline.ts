import { type Baseline, parseBaseline } from '#report/baseline.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'
import { readText } from './audit-options.ts'

/** A baseline that was written with `--write-baseline`. */
export function readBaseline(cwd: string, file: string): Baseline {
  const baseline = parseBaseline(readText(cwd, file))
  if (baseline === null) throw new CliFailure(EXIT.usage, `${file} is not a baseline.`)
  return baseline
}

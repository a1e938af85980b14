import { type Command, Option } from 'commander'
import { gradeChecks } from '#audit/grade-checks.ts'
import { type AuditReport, auditReportSchema } from '#report/model.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'
import type { CommandWorld } from '../world.ts'
import { readText } from './audit-options.ts'
import { FORMATS, writeReport } from './formats.ts'

interface Options {
  readonly format: keyof typeof FORMATS
  readonly output?: string
}

/** `sallyport-audit report <file>`: a report that was kept, graded again from what was seen, in any format. Nothing is asked. */
export function reportCommand(command: Command, world: CommandWorld): Command {
  return command
    .description('print the report of an earlier audit (JSON) in another format, graded again')
    .argument('<file>', 'what --format json has written')
    .addOption(new Option('--format <name>', 'how to print the report').choices(Object.keys(FORMATS)).default('table'))
    .option('--output <file>', 'write the report to this file')
    .action((file: string, options: Options) => {
      const { io } = world
      const cwd = io.cwd ?? '.'
      const kept = readReport(cwd, file)
      const report = { ...kept, grade: gradeChecks(kept.checks, kept.findings) }
      // Who changed the letter in the file has not changed what was seen.
      if (JSON.stringify(report.grade) !== JSON.stringify(kept.grade))
        throw new CliFailure(
          EXIT.findings,
          `${file} says ${kept.grade.letter ?? 'no grade'}; what was seen is ${report.grade.letter ?? 'no grade'}.`,
        )
      const printed = FORMATS[options.format](report)
      if (options.output === undefined) io.stdout.write(printed)
      else writeReport(cwd, options.output, printed)
      world.finish(EXIT.ok)
    })
}

/** A report that was written as JSON. */
export function readReport(cwd: string, file: string): AuditReport {
  try {
    return auditReportSchema.parse(JSON.parse(readText(cwd, file)))
  } catch (cause) {
    if (cause instanceof CliFailure) throw cause
    throw new CliFailure(EXIT.usage, `${file} is not the report of an audit.`, { cause })
  }
}

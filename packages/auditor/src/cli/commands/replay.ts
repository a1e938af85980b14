import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { NotRecorded } from '#audit/exchange/not-recorded.ts'
import { replayAudit } from '#audit/replay-audit.ts'
import { RUBRIC } from '#audit/rubric.ts'
import { applyBaseline } from '#report/baseline.ts'
import { type Transcript, transcriptSchema } from '#report/transcript-model.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'
import { printable } from '../printable.ts'
import type { CommandWorld } from '../world.ts'
import { readText } from './audit-options.ts'
import { exitCodeOf, FAIL_ON } from './exit-code-of.ts'
import { FORMATS, writeReport } from './formats.ts'
import { readBaseline } from './read-baseline.ts'

interface Options {
  readonly format: keyof typeof FORMATS
  readonly output?: string
  readonly failOn: string
  readonly baseline?: string
}

/** More than any recording takes, escapes and all. */
const FILE_BYTES_MAX = 128 * 1024 * 1024

/** `sallyport-audit replay <file>`: the checks run again on what an earlier audit saw. Nothing is sent. */
export function replayCommand(command: Command, world: CommandWorld): Command {
  return command
    .description('run the checks again on what an earlier audit has recorded (--record); nothing is sent')
    .argument('<file>', 'what --record has written')
    .addOption(new Option('--format <name>', 'how to print the report').choices(Object.keys(FORMATS)).default('table'))
    .option('--output <file>', 'write the report to this file')
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on, or when the grade is worse: grade<B')
        .choices(FAIL_ON)
        .default('high'),
    )
    .option('--baseline <file>', 'accept the findings of this file; those that are gone from the server fail')
    .action(async (file: string, options: Options) => {
      const { io } = world
      const cwd = io.cwd ?? '.'
      const baseline = options.baseline === undefined ? null : readBaseline(cwd, options.baseline)
      const transcript = readTranscript(cwd, file)
      if (transcript.rubric !== RUBRIC)
        io.stderr.write(
          `${printable(
            `${file} was recorded by the checks ${transcript.rubric}; these are ${RUBRIC}: what it has no answer for is not tested.`,
          )}\n`,
        )
      const found = await replayed(transcript, file)
      const report = baseline === null ? found : applyBaseline(found, baseline)
      const printed = FORMATS[options.format](report)
      if (options.output === undefined) io.stdout.write(printed)
      else writeReport(cwd, options.output, printed)
      world.finish(exitCodeOf(report, options.failOn))
    })
}

async function replayed(transcript: Transcript, file: string): ReturnType<typeof replayAudit> {
  try {
    return await replayAudit(transcript)
  } catch (cause) {
    if (!(cause instanceof NotRecorded)) throw cause
    throw new CliFailure(EXIT.usage, `${file} does not have what these checks begin with.`, { cause })
  }
}

function readTranscript(cwd: string, file: string): Transcript {
  const bytes = statSync(resolve(cwd, file), { throwIfNoEntry: false })?.size ?? 0
  if (bytes > FILE_BYTES_MAX) throw new CliFailure(EXIT.usage, `${file} is larger than any recording.`)
  const text = readText(cwd, file)
  try {
    return transcriptSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new CliFailure(EXIT.usage, `${file} is not the recording of an audit.`, { cause })
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { type LoopbackPerson, loopbackPerson } from '#audit/login/loopback-person.ts'
import type { AuditOptions } from '#audit/options.ts'
import { recordAudit, runAudit } from '#audit/run-audit.ts'
import { type OpenCanary, openCanaryUpstream } from '#audit/upstream/canary-upstream.ts'
import { applyBaseline, baselineOf } from '#report/baseline.ts'
import { driftBetween } from '#report/drift.ts'
import type { AuditReport } from '#report/model.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'
import { printable, printableJson } from '../printable.ts'
import type { CommandWorld } from '../world.ts'
import {
  collect,
  collectSafeCall,
  type Options,
  optionsOf,
  parseCount,
  parsePeople,
  parseUrl,
} from './audit-options.ts'
import { DRIFT, exitCodeOf, FAIL_ON } from './exit-code-of.ts'
import { findTarget } from './find-target.ts'
import { FORMATS, writeReport } from './formats.ts'
import { readBaseline } from './read-baseline.ts'
import { readReport } from './report.ts'

const MINUTE_MS = 60_000
/** A year of runs, one every six minutes; whoever wants more starts it anew. */
const RUNS_MAX = 90_000

/** `sallyport-audit <url | config file>`: whether the OAuth of an MCP server holds. */
export function auditCommand(command: Command, world: CommandWorld): Command {
  return command
    .description('audit the OAuth of an MCP server')
    .argument('<target>', 'URL of the MCP endpoint, or a configuration file of a client that names it')
    .option('--server <name>', 'which server of the configuration file')
    .option('--public', 'the server is meant to be used without a token')
    .option('--register', 'probes may register clients, which are deleted again')
    .addOption(
      new Option(
        '--login <people>',
        'log in with a browser as one or two people; implies --register without --client-id',
      )
        .argParser(parsePeople)
        .default(0),
    )
    .addOption(
      new Option('--device-login <people>', 'log in with a code on another device (RFC 8628), as one or two people')
        .argParser(parsePeople)
        .default(0)
        .conflicts(['login', 'tokenFile']),
    )
    .option(
      '--token-file <file>',
      'an access token in place of a login; a second one is of another person',
      collect,
      [],
    )
    .option('--client-id <id>', 'a client that is registered for any port of http://127.0.0.1/callback')
    .option('--client-secret-file <file>', 'its secret')
    .option('--other-resource <url>', 'another MCP endpoint of the same authorization server', parseUrl)
    .option('--foreign-token-file <file>', 'a token of another issuer, which has to be refused', collect, [])
    .option(
      '--safe-call <name[=json]>',
      'a tool that may really be called, with its arguments; without it none is',
      collectSafeCall,
      [],
    )
    .addOption(
      new Option(
        '--upstream-port <port>',
        'be an MCP server at http://127.0.0.1:<port>/mcp, which the target is set up to call: what it sends there is looked at',
      ).argParser(parseCount),
    )
    .addOption(
      new Option('--rps <number>', 'requests a second at the most; 0 is without a limit')
        .argParser(parseCount)
        .default(5),
    )
    .addOption(new Option('--timeout <seconds>', 'for each answer').argParser(parseCount).default(10))
    .addOption(
      new Option('--patience <seconds>', 'how long one probe may wait for a code or a token to end')
        .argParser(parseCount)
        .default(0),
    )
    .option('--ca <file>', 'trust these authorities too (PEM)')
    .addOption(new Option('--format <name>', 'how to print the report').choices(Object.keys(FORMATS)).default('table'))
    .option('--output <file>', 'write the report to this file')
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on, or when the grade is worse: grade<B')
        .choices(FAIL_ON)
        .default('high'),
    )
    .option('--baseline <file>', 'accept the findings of this file; those that are gone from the server fail')
    .option('--write-baseline <file>', 'write a file that accepts what was found')
    .addOption(
      new Option(
        '--record <file>',
        'keep all that was asked and seen, without what opens anything, for `replay`',
      ).conflicts('watch'),
    )
    .option('--previous <file>', 'the report of an earlier run (JSON): what has changed since then is told, and fails')
    .addOption(
      new Option(
        '--watch <minutes>',
        'audit again and again, and tell what has changed since the run before',
      ).argParser(parseCount),
    )
    .addOption(
      new Option('--runs <number>', 'with --watch: stop after so many').argParser(parseCount).default(RUNS_MAX),
    )
    .addHelpText(
      'after',
      '\nReads only, unless --register or --login is given: then clients are registered and deleted again. Nothing is sent to anybody but the server and what it names.',
    )
    .action(async (target: string, options: Options) => {
      const { io } = world
      const cwd = io.cwd ?? '.'
      const url = await findTarget(target, options.server, cwd)
      const tell = (line: string) => void io.stderr.write(`${printable(line)}\n`)
      const people: LoopbackPerson[] = []
      const upstream = options.upstreamPort === undefined ? null : await openUpstream(options.upstreamPort)
      let before = options.previous === undefined ? null : readReport(cwd, options.previous).observations
      try {
        for (let count = 0; count < options.login; count += 1)
          people.push(
            await loopbackPerson(
              (line) => tell(count === 0 ? line : `As the second person, in another browser profile: ${line}`),
              io.stdin,
            ),
          )
        for (let run = 1; run <= options.runs; run += 1) {
          const report = compared(before, await auditOnce(url, options, { people, upstream }, cwd, tell), tell)
          const printed = FORMATS[options.format](report)
          if (options.output === undefined) io.stdout.write(printed)
          else writeReport(cwd, options.output, printed)
          world.finish(exitCodeOf(report, options.failOn))
          if (report.outcome === 'audited') before = report.observations
          if (options.watch === undefined) break
          if (run < options.runs) await sleep(options.watch * MINUTE_MS)
        }
      } finally {
        await Promise.all([...people.map((person) => person.close()), upstream?.[Symbol.asyncDispose]()])
      }
    })
}

async function openUpstream(port: number): Promise<OpenCanary> {
  try {
    return await openCanaryUpstream(port)
  } catch (cause) {
    throw new CliFailure(EXIT.usage, `port ${port} of 127.0.0.1 can't be listened on.`, { cause })
  }
}

async function auditOnce(
  url: string,
  options: Options,
  beside: Parameters<typeof optionsOf>[2],
  cwd: string,
  tell: (line: string) => void,
): Promise<AuditReport> {
  const baseline = options.baseline === undefined ? null : readBaseline(cwd, options.baseline)
  const given = optionsOf(url, options, beside, cwd, tell)
  const found = options.record === undefined ? await runAudit(given) : await recorded(given, cwd, options.record)
  if (options.writeBaseline !== undefined)
    writeReport(cwd, options.writeBaseline, `${JSON.stringify(baselineOf(found), null, 2)}\n`)
  return baseline === null ? found : applyBaseline(found, baseline)
}

async function recorded(given: AuditOptions, cwd: string, file: string): Promise<AuditReport> {
  const { report, transcript } = await recordAudit(given)
  if (transcript === null) given.progress('The server sent more than a recording holds: nothing was recorded.')
  else writeReport(cwd, file, `${printableJson(transcript)}\n`)
  return report
}

/** The report with what has changed since the run before among its notes. */
function compared(
  before: AuditReport['observations'] | null,
  report: AuditReport,
  tell: (line: string) => void,
): AuditReport {
  const drift = before === null || report.outcome !== 'audited' ? [] : driftBetween(before, report.observations)
  for (const line of drift) tell(line)
  return { ...report, notes: [...report.notes, ...drift.map((line) => `${DRIFT}${line}`)] }
}

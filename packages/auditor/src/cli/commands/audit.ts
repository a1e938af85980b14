import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type LoopbackPerson, loopbackPerson } from '#audit/login/loopback-person.ts'
import type { AuditOptions } from '#audit/options.ts'
import { runAudit } from '#audit/run-audit.ts'
import { SEVERITIES } from '#inventory/inventory-rules.ts'
import { applyBaseline, type Baseline, baselineOf, parseBaseline } from '#report/baseline.ts'
import type { AuditReport } from '#report/model.ts'
import { CliFailure, EXIT, type ExitCode } from '../exit-codes.ts'
import { printable } from '../printable.ts'
import { versionOfPackage } from '../version.ts'
import type { CommandWorld } from '../world.ts'
import { FORMATS, writeReport } from './formats.ts'

const GRADES = ['grade<A', 'grade<B', 'grade<C', 'grade<D'] as const

interface Options {
  readonly public?: true
  readonly login: number
  readonly register?: true
  readonly tokenFile: readonly string[]
  readonly clientId?: string
  readonly clientSecretFile?: string
  readonly otherResource?: string
  readonly rps: number
  readonly timeout: number
  readonly patience: number
  readonly ca?: string
  readonly format: keyof typeof FORMATS
  readonly output?: string
  readonly failOn: string
  readonly baseline?: string
  readonly writeBaseline?: string
}

/** `sallyport-audit <url>`: whether the OAuth of an MCP server holds. */
export function auditCommand(command: Command, world: CommandWorld): Command {
  return command
    .description('audit the OAuth of the MCP server at a URL')
    .argument('<url>', 'the MCP endpoint', parseUrl)
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
    .option(
      '--token-file <file>',
      'an access token in place of a login; a second one is of another person',
      collect,
      [],
    )
    .option('--client-id <id>', 'a client that is registered for any port of http://127.0.0.1/callback')
    .option('--client-secret-file <file>', 'its secret')
    .option('--other-resource <url>', 'another MCP endpoint of the same authorization server', parseUrl)
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
        .choices([...SEVERITIES, 'never', ...GRADES])
        .default('high'),
    )
    .option('--baseline <file>', 'accept the findings of this file; those that are gone from the server fail')
    .option('--write-baseline <file>', 'write a file that accepts what was found')
    .addHelpText(
      'after',
      '\nReads only, unless --register or --login is given: then clients are registered and deleted again. Nothing is sent to anybody but the server and what it names.',
    )
    .action(async (url: string, options: Options) => {
      const { io } = world
      const cwd = io.cwd ?? '.'
      const tell = (line: string) => void io.stderr.write(`${printable(line)}\n`)
      const people: LoopbackPerson[] = []
      try {
        for (let count = 0; count < options.login; count += 1)
          people.push(
            await loopbackPerson((line) =>
              tell(count === 0 ? line : `As the second person, in another browser profile: ${line}`),
            ),
          )
        const baseline = options.baseline === undefined ? null : readBaseline(cwd, options.baseline)
        const found = await runAudit(optionsOf(url, options, people, cwd, tell))
        const report = baseline === null ? found : applyBaseline(found, baseline)
        if (options.writeBaseline !== undefined)
          writeReport(cwd, options.writeBaseline, `${JSON.stringify(baselineOf(found), null, 2)}\n`)
        const printed = FORMATS[options.format](report)
        if (options.output === undefined) io.stdout.write(printed)
        else writeReport(cwd, options.output, printed)
        world.finish(exitCodeOf(report, options.failOn))
      } finally {
        await Promise.all(people.map((person) => person.close()))
      }
    })
}

function optionsOf(
  url: string,
  options: Options,
  people: readonly LoopbackPerson[],
  cwd: string,
  tell: (line: string) => void,
): AuditOptions {
  const { clientId, clientSecretFile } = options
  const redirectUri = people[0]?.redirectUri ?? 'http://127.0.0.1/callback'
  const secret = clientSecretFile === undefined ? null : readText(cwd, clientSecretFile)
  return {
    url,
    isPublic: options.public === true,
    mayWrite: options.register === true || (people.length > 0 && clientId === undefined),
    people,
    tokens: options.tokenFile.map((file) => readText(cwd, file)),
    client: clientId === undefined ? null : { id: clientId, secret, redirectUri },
    otherResource: options.otherResource ?? null,
    requestsPerSecond: options.rps,
    timeoutMs: options.timeout * 1000,
    authority: options.ca === undefined ? null : readText(cwd, options.ca),
    patienceSeconds: options.patience,
    wait: (ms) => sleep(ms),
    version: versionOfPackage(),
    startedAt: new Date(),
    progress: tell,
  }
}

function exitCodeOf({ outcome, findings, checks, grade, baseline }: AuditReport, failOn: string): ExitCode {
  const worst = /^grade<([A-D])$/.exec(failOn)?.[1]
  const counting = SEVERITIES.slice(0, SEVERITIES.findIndex((severity) => severity === failOn) + 1)
  if (findings.some(({ severity, isAccepted }) => !isAccepted && counting.includes(severity))) return EXIT.findings
  if (worst !== undefined && grade.letter !== null && grade.letter > worst) return EXIT.findings
  if ((baseline?.stale.length ?? 0) > 0) return EXIT.findings
  if (outcome === 'unreachable') return EXIT.unreachable
  return checks.some(({ verdict }) => verdict === 'inconclusive') ? EXIT.inconclusive : EXIT.ok
}

function readBaseline(cwd: string, file: string): Baseline {
  const baseline = parseBaseline(readText(cwd, file))
  if (baseline === null) throw new CliFailure(EXIT.usage, `${file} is not a baseline.`)
  return baseline
}

function readText(cwd: string, file: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8').trim()
  } catch (cause) {
    throw new CliFailure(EXIT.usage, `${file} can't be read.`, { cause })
  }
}

function parseUrl(value: string): string {
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError('An http or https URL is needed.')
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw new InvalidArgumentError('A URL with a password or a fragment in it is not taken.')
  // The URL as it was written: what the metadata says is compared with it character by character.
  return value
}

function parsePeople(value: string): number {
  if (value !== '1' && value !== '2') throw new InvalidArgumentError('One person or two.')
  return Number(value)
}

function parseCount(value: string): number {
  if (!/^\d{1,5}$/.test(value)) throw new InvalidArgumentError('A number is needed.')
  return Number(value)
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value]
}

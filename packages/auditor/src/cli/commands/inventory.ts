import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { InventoryReport } from '#inventory/inventory-report.ts'
import { SEVERITIES } from '#inventory/inventory-rules.ts'
import type { Platform, Roots } from '#inventory/layout.ts'
import { takeInventory } from '#inventory/take-inventory.ts'
import type { SafeCall } from '#inventory/visit-server.ts'
import type { Severity } from '#report/model.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { versionOfPackage } from '../version.ts'
import type { CommandWorld, Environment } from '../world.ts'
import { FORMATS, writeReport } from './formats.ts'

interface Options {
  readonly home?: string
  readonly platform?: Platform
  readonly project: readonly string[]
  readonly gateway?: URL
  readonly start?: true | readonly string[]
  readonly url: readonly string[]
  readonly safeCall: readonly SafeCall[]
  readonly format: keyof typeof FORMATS
  readonly output?: string
  readonly failOn: Severity | 'never'
}

/** `sallyport-audit inventory`: the MCP servers that the clients on this machine are set up for. */
export function inventoryCommand(command: Command, world: CommandWorld): Command {
  const { env, io } = world
  return command
    .description('find the MCP servers that clients on this machine are set up for, and what is wrong with that')
    .option(
      '--home <folder>',
      'the home folder to look in, if it is not yours; variables such as XDG_CONFIG_HOME then count for nothing',
    )
    .addOption(
      new Option('--platform <name>', 'the layout to look for, if it is not that of this machine').choices([
        'linux',
        'macos',
        'windows',
      ]),
    )
    .option('--project <folder>', 'a project to look in; may be repeated (default: the current folder)', collect, [])
    .option('--gateway <url>', 'the gateway that servers should be behind', parseUrl)
    .option(
      '--start [server...]',
      'start or call the named servers (or all) to list their tools; without it nothing is started',
    )
    .option('--url <url>', 'also list the tools of the server at this URL; may be repeated', collectUrl, [])
    .option(
      '--safe-call <server/tool[=json]>',
      'call this tool and look for secrets in its answer; may be repeated',
      collectCall,
      [],
    )
    .addOption(new Option('--format <name>', 'how to print the report').choices(Object.keys(FORMATS)).default('table'))
    .option('--output <file>', 'write the report to this file')
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on')
        .choices([...SEVERITIES, 'never'])
        .default('high'),
    )
    .addHelpText(
      'after',
      '\nReads files and nothing more, unless --start or --url is given. Secrets are shown as kinds and hashes.',
    )
    .action(async (options: Options) => {
      const report = await takeInventory({
        roots: rootsOf(options, env, io.cwd ?? process.cwd()),
        takenAt: new Date(),
        version: versionOfPackage(),
        gateway: options.gateway ?? null,
        urls: options.url,
        asks: ({ id, name }) =>
          options.start === true || (options.start?.some((one) => one === id || one === name) ?? false),
        safeCalls: options.safeCall,
        environment: env,
      })
      const printed = FORMATS[options.format](report)
      if (options.output === undefined) io.stdout.write(printed)
      else writeReport(io.cwd ?? '.', options.output, printed)
      world.finish(exitCodeOf(report, options.failOn))
    })
}

function exitCodeOf({ findings, problems, servers }: InventoryReport, failOn: Severity | 'never'): ExitCode {
  const counting = failOn === 'never' ? [] : SEVERITIES.slice(0, SEVERITIES.indexOf(failOn) + 1)
  if (findings.some(({ severity, isAccepted }) => !isAccepted && counting.includes(severity))) return EXIT.findings
  const isUndecided = problems.length > 0 || servers.some(({ tools }) => tools.kind === 'failed')
  return isUndecided ? EXIT.inconclusive : EXIT.ok
}

function rootsOf({ home, platform, project }: Options, env: Environment, cwd: string): Roots {
  const here = platform ?? ({ darwin: 'macos', win32: 'windows' } as const)[String(process.platform)] ?? 'linux'
  return {
    platform: here,
    home: home === undefined ? (env['HOME'] ?? env['USERPROFILE'] ?? homedir()) : resolve(cwd, home),
    projects: project.length === 0 ? [cwd] : project.map((folder) => resolve(cwd, folder)),
    // Another home is looked at for itself; the machine's own folders are part of the picture only with one's own.
    system: home === undefined ? (here === 'windows' ? 'C:/' : '/') : resolve(cwd, home, '.no-machine-wide-folders'),
    environment: home === undefined ? env : {},
  }
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value]
}

function parseUrl(value: string): URL {
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError('An http or https URL is needed.')
  if (url.username !== '' || url.password !== '')
    throw new InvalidArgumentError('A URL with a password in it is not taken.')
  return url
}

function collectUrl(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, parseUrl(value).href]
}

/** `cursor/notes/list_notes={"limit":1}`: the tool is what follows the last slash before `=`. */
function collectCall(value: string, previous: readonly SafeCall[]): readonly SafeCall[] {
  const [, named = '', json = '{}'] = /^([^=]*)(?:=(.*))?$/s.exec(value) ?? []
  const slash = named.lastIndexOf('/')
  let args: unknown
  try {
    args = JSON.parse(json.startsWith('@') ? readFileSync(json.slice(1), 'utf8') : json)
  } catch {
    throw new InvalidArgumentError('The arguments must be a JSON object.')
  }
  if (slash < 1 || slash === named.length - 1 || typeof args !== 'object' || args === null || Array.isArray(args))
    throw new InvalidArgumentError('The form is server/tool or server/tool={"name":"value"}.')
  return [...previous, { server: named.slice(0, slash), tool: named.slice(slash + 1), arguments: { ...args } }]
}

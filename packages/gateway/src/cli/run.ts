import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { systemErrorCode } from '#core/system-error.ts'
import type { CommandWorld } from './command.ts'
import { checkCommand } from './commands/check.ts'
import { clientCommand } from './commands/client.ts'
import { dbCommand } from './commands/db.ts'
import { grantCommand } from './commands/grant.ts'
import { idpCommand } from './commands/idp.ts'
import { initCommand } from './commands/init.ts'
import { keyCommand } from './commands/key.ts'
import { keysCommand } from './commands/keys.ts'
import { logCommand } from './commands/log.ts'
import { serveCommand } from './commands/serve.ts'
import { tenantCommand, tenantName } from './commands/tenant.ts'
import { userCommand } from './commands/user.ts'
import { CliFailure, EXIT, type ExitCode } from './exit-codes.ts'
import type { CliIo } from './io.ts'
import type { Environment } from './places.ts'
import { printable } from './printable.ts'

/** Runs one command line; answers the exit code. Throws only for bugs. */
export async function runCli(argv: readonly string[], env: Environment, io: CliIo): Promise<ExitCode> {
  // The auditor judges any server, this one among them: a program of its own, with its own options and exit codes.
  if (argv[0] === 'audit') return (await import('@sallyport/auditor/cli')).runCli(argv.slice(1), env, io)
  let exitCode: ExitCode = EXIT.ok
  // A reader that goes away (`| head`) ends the output, not the command; for `serve` least of all.
  const onStreamError = (cause: Error) => {
    if (systemErrorCode(cause) !== 'EPIPE') throw cause
  }
  io.stdout.on('error', onStreamError)
  io.stderr.on('error', onStreamError)
  const program = createProgram({
    env,
    io,
    finish: (code) => {
      exitCode = code
    },
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (error instanceof CliFailure) {
      for (const line of error.message.split('\n')) io.stderr.write(`${printable(line)}\n`)
      return error.exitCode
    }
    throw error
  }
}

/** The whole command tree. */
export function createProgram(world: CommandWorld): Command {
  const { io } = world
  const program = new Command('sallyport')
    .description('OAuth 2.1 in front of your MCP servers, with the proof that it is.')
    .version(versionOfPackage(), '--version', 'print the version')
    .exitOverride()
    .showHelpAfterError('Run with --help for the options and examples.')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  $ sallyport init && sallyport check && sallyport serve',
        '  $ sallyport user add ada --role operator',
        '  $ sallyport log explain 0198c2f0-6b1e-7a44-9d53-2f1f4a1f7c11',
        '  $ sallyport audit https://mcp.example.com/mcp',
        '',
        'Exit codes: 0 done, 1 the answer is no, 2 not understood, 3 state or server out of reach, 4 configuration unusable.',
      ].join('\n'),
    )
  initCommand(program.command('init'), world)
  checkCommand(program.command('check'), world)
  serveCommand(program.command('serve'), world)
  for (const [name, fill, example] of [
    ['user', userCommand, 'sallyport user list'],
    ['client', clientCommand, 'sallyport client list --status pending'],
    ['grant', grantCommand, 'sallyport grant revoke --user ada'],
    ['key', keyCommand, 'sallyport key list'],
    ['keys', keysCommand, 'sallyport keys rotate'],
    ['idp', idpCommand, 'sallyport idp test corp'],
    ['log', logCommand, 'sallyport log verify'],
    ['db', dbCommand, 'sallyport db copy --from sqlite --to postgres'],
  ] as const) {
    const command = fill(program.command(name), world).addHelpText('after', `\nExamples:\n  $ ${example}`)
    offerTenants(command)
  }
  tenantCommand(program.command('tenant'), world).addHelpText('after', '\nExamples:\n  $ sallyport tenant list')
  return program
}

/** What is about things of one issuer can be about a tenant's. */
function offerTenants(command: Command): void {
  if (command.commands.length === 0)
    command.option('-t, --tenant <name>', 'of this tenant instead of the gateway itself', tenantName)
  for (const child of command.commands) offerTenants(child)
}

function versionOfPackage(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return (manifest as { version: string }).version // our own package.json
}

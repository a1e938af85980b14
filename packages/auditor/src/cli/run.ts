import { Command, CommanderError } from 'commander'
import { auditCommand } from './commands/audit.ts'
import { inventoryCommand } from './commands/inventory.ts'
import { replayCommand } from './commands/replay.ts'
import { reportCommand } from './commands/report.ts'
import { CliFailure, EXIT, type ExitCode } from './exit-codes.ts'
import { printable } from './printable.ts'
import { versionOfPackage } from './version.ts'
import type { CliIo, CommandWorld, Environment } from './world.ts'

/** Runs one command line; answers the exit code. Throws only for bugs. */
export async function runCli(argv: readonly string[], env: Environment, io: CliIo): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok
  // A reader that goes away (`| head`) ends the output, not the command.
  const onStreamError = (cause: Error & { readonly code?: string }) => {
    if (cause.code !== 'EPIPE') throw cause
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
  } finally {
    io.stdout.off('error', onStreamError)
    io.stderr.off('error', onStreamError)
  }
}

/** The whole command tree. */
export function createProgram(world: CommandWorld): Command {
  const { io } = world
  const program = new Command('sallyport-audit')
    .description('Audits the OAuth of an MCP server, and finds the servers that clients on a machine are set up for.')
    .version(versionOfPackage(), '--version', 'print the version')
    .exitOverride()
    .showHelpAfterError('Run with --help for the options and examples.')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(printableHelp(text)),
    })
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing found, 1 findings, 2 not understood, 3 target out of reach, 4 inconclusive.',
    )
  auditCommand(program.command('audit', { isDefault: true }), world)
  replayCommand(program.command('replay'), world)
  reportCommand(program.command('report'), world)
  inventoryCommand(program.command('inventory'), world)
  return program
}

/** Errors repeat arguments; line breaks are ours. */
function printableHelp(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

import type { Command } from 'commander'
import { CliFailure, EXIT } from '../exit-codes.ts'
import type { CommandWorld } from '../world.ts'

/** `sallyport-audit <url | config file>`. */
export function auditCommand(command: Command, _world: CommandWorld): Command {
  return command
    .description('audit the OAuth of an MCP server, or of the servers that a file names')
    .argument('<target>', 'URL of the MCP server, or a configuration file')
    .action(async () => {
      throw new CliFailure(EXIT.inconclusive, 'Not built yet.')
    })
}

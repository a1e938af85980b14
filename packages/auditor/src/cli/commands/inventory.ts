import type { Command } from 'commander'
import { CliFailure, EXIT } from '../exit-codes.ts'
import type { CommandWorld } from '../world.ts'

/** `sallyport-audit inventory`: the MCP servers that the clients on this machine are set up for. */
export function inventoryCommand(command: Command, _world: CommandWorld): Command {
  return command
    .description('find the MCP servers that clients on this machine are set up for, and what is wrong with that')
    .action(async () => {
      throw new CliFailure(EXIT.inconclusive, 'Not built yet.')
    })
}

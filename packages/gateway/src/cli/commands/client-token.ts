import type { Command } from 'commander'
import {
  ask,
  askAll,
  type CommandWorld,
  type CommonOptions,
  define,
  given,
  wholeNumber,
  withAdmin,
} from '../command.ts'
import { duration } from '../duration.ts'
import { EXIT } from '../exit-codes.ts'

interface Token {
  readonly tokenId: string
  readonly name: string
  readonly status: string
  readonly uses: number
  readonly usesMax: number
  readonly createdAt: string
  readonly expiresAt: string
}

interface TokenOptions extends CommonOptions {
  readonly name?: string
  readonly uses?: number
  readonly expires?: number
  readonly all?: true
}

const USES_MAX = 10_000

export function clientTokenCommand(command: Command, world: CommandWorld): Command {
  command.description('initial access tokens: who shows one registers clients without approval')
  define<TokenOptions>(
    command
      .command('create')
      .description('make a token; it is shown once')
      .requiredOption('--name <text>', 'who it is for')
      .option('--uses <number>', 'how many clients it lets in (default 1)', wholeNumber(1, USES_MAX))
      .requiredOption('--expires <time>', 'when it ends, such as 7d; at most 90d', duration),
    world,
    [
      'sallyport client token create --name "build team" --expires 7d',
      'sallyport client token create --name fleet --uses 200 --expires 30d',
    ],
    (session, _args, { name, uses, expires }) =>
      withAdmin(session, async (admin) => {
        const body = { name, expiresInSeconds: expires, ...(uses === undefined ? {} : { usesMax: uses }) }
        const made = await ask<Token & { token: string }>(admin, 'clientTokens.create', { body })
        if (session.print.isJson) session.print.json(made)
        else {
          session.print.facts([
            ['Token', made.tokenId],
            ['Name', made.name],
            ['Clients', made.usesMax],
            ['Until', made.expiresAt],
            ['Secret', made.token],
          ])
          session.print
            .line`Keep the secret now: it is not shown again. Send it as Authorization: Bearer to the registration endpoint.`
        }
        return EXIT.ok
      }),
  )
  define<TokenOptions>(
    command.command('list').description('list live tokens').option('--all', 'also those that are over'),
    world,
    ['sallyport client token list --all'],
    (session, _args, { all }) =>
      withAdmin(session, async (admin) => {
        const query = given({ all: all === true ? 'true' : undefined })
        session.print.list(await askAll<Token>(admin, 'clientTokens.list', query), {
          TOKEN: (token) => token.tokenId,
          STATUS: (token) => token.status,
          USED: (token) => `${token.uses} of ${token.usesMax}`,
          UNTIL: (token) => token.expiresAt,
          NAME: (token) => token.name,
        })
        return EXIT.ok
      }),
  )
  define(
    command.command('revoke').description('end a token; clients that it let in stay').argument('<token>', 'token id'),
    world,
    ['sallyport client token revoke 2Hk7LnQx9TfWc4VbY'],
    (session, [token = '']) =>
      withAdmin(session, async (admin) => {
        const revoked = await ask<Token>(admin, 'clientTokens.revoke', { params: { token } })
        if (session.print.isJson) session.print.json(revoked)
        else session.print.line`Revoked ${revoked.tokenId}.`
        return EXIT.ok
      }),
  )
  return command
}

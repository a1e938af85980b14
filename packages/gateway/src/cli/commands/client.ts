import { type Command, Option } from 'commander'
import { clientKey } from '#control-plane/admin-api/client-key.ts'
import { asClientId } from '#core/ids.ts'
import {
  ask,
  askAll,
  type CommandWorld,
  type CommonOptions,
  define,
  given,
  type Session,
  withAdmin,
} from '../command.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { clientTokenCommand } from './client-token.ts'

interface Client {
  readonly key: string
  readonly clientId: string
  readonly name: string
  readonly kind: string
  readonly status: string
  readonly redirectUris: readonly string[]
  readonly createdAt: string | null
  readonly approvedAt: string | null
  readonly approvedBy: string | null
  readonly admittedBy: string | null
  readonly lookalikes: readonly string[]
}

interface ListOptions extends CommonOptions {
  readonly status?: string
}

export function clientCommand(command: Command, world: CommandWorld): Command {
  command.description('OAuth clients: the programs that people let in')
  define<ListOptions>(
    command
      .command('list')
      .description('list the clients')
      .addOption(new Option('--status <status>', 'only these').choices(['pending', 'active', 'removed'])),
    world,
    ['sallyport client list', 'sallyport client list --status pending'],
    (session, _args, { status }) =>
      withAdmin(session, async (admin) => {
        const clients = await askAll<Client>(admin, 'clients.list', given({ status }))
        session.print.list(clients, {
          CLIENT: (client) => client.clientId,
          STATUS: (client) => client.status,
          KIND: (client) => client.kind,
          CREATED: (client) => client.createdAt?.slice(0, 10) ?? null,
          NAME: (client) => client.name,
          'LOOKS LIKE': (client) => client.lookalikes.join(', '),
        })
        return EXIT.ok
      }),
  )
  for (const [verb, description, id] of [
    ['show', 'show one client', 'clients.show'],
    ['approve', 'let a pending client in; people still consent one by one', 'clients.approve'],
    ['remove', 'remove a client and revoke every grant it holds', 'clients.remove'],
  ] as const) {
    define(
      command.command(verb).description(description).argument('<client>', 'client id'),
      world,
      [
        `sallyport client ${verb} 0198c2f0-6b1e-7a44-9d53-2f1f4a1f7c11`,
        `sallyport client ${verb} https://app.example.com/client.json`,
      ],
      (session, [client = '']) =>
        withAdmin(session, async (admin) =>
          show(session, await ask<Client>(admin, id, { params: { client: keyOf(client) } })),
        ),
    )
  }
  const tokens = command.command('token')
  clientTokenCommand(tokens, world).addHelpText('after', '\nExamples:\n  $ sallyport client token list')
  return command
}

function keyOf(given: string): string {
  return given.startsWith('~') ? given : clientKey(asClientId(given))
}

function show({ print }: Session, client: Client): ExitCode {
  if (print.isJson) print.json(client)
  else
    print.facts([
      ['Client', client.clientId],
      ['Name', client.name],
      ['Status', client.status],
      ['Kind', client.kind],
      ...client.redirectUris.map((uri): [string, string] => ['Redirect', uri]),
      ...client.lookalikes.map((name): [string, string] => ['Looks like', name]),
      ['Created', client.createdAt],
      ['Let in by', client.admittedBy],
      ['Approved', client.approvedAt === null ? null : `${client.approvedAt} by ${client.approvedBy ?? 'nobody'}`],
    ])
  return EXIT.ok
}

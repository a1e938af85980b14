import type { Command } from 'commander'
import type { AdminClient } from '../admin-client.ts'
import { ask, askAll, type CommandWorld, type CommonOptions, define, given, withAdmin } from '../command.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'

interface Grant {
  readonly grantId: string
  readonly subject: string
  readonly username: string | null
  readonly clientId: string
  readonly clientName: string | null
  readonly server: string
  readonly scopes: readonly string[]
  readonly status: string
  readonly createdAt: string
  readonly expiresAt: string
  readonly revokedAt: string | null
  readonly revokedCause: string | null
}

interface GrantOptions extends CommonOptions {
  readonly user?: string
  readonly client?: string
  readonly all?: true
  readonly token?: string
  readonly everybody?: true
}

export function grantCommand(command: Command, world: CommandWorld): Command {
  command.description('authorizations: who let which client use which server')
  define<GrantOptions>(
    command
      .command('list')
      .description('list live grants')
      .option('--user <name>', 'only of this user')
      .option('--client <id>', 'only of this client')
      .option('--all', 'also those that are over'),
    world,
    ['sallyport grant list', 'sallyport grant list --user ada --all', 'sallyport grant list --json'],
    (session, _args, { user, client, all }) =>
      withAdmin(session, async (admin) => {
        const subject = user === undefined ? undefined : await subjectOf(admin, user)
        const query = given({ subject, clientId: client, all: all === true ? 'true' : undefined })
        const grants = await askAll<Grant>(admin, 'grants.list', query)
        session.print.list(grants, {
          GRANT: (grant) => grant.grantId,
          USER: (grant) => grant.username ?? grant.subject,
          SERVER: (grant) => grant.server,
          STATUS: (grant) => grant.status,
          UNTIL: (grant) => grant.expiresAt,
          CLIENT: (grant) => grant.clientName ?? grant.clientId,
          SCOPES: (grant) => grant.scopes.join(' '),
        })
        return EXIT.ok
      }),
  )
  define(
    command.command('show').description('show one grant').argument('<grant>', 'grant id'),
    world,
    ['sallyport grant show 4nGq0X1hJ2'],
    (session, [grant = '']) =>
      withAdmin(session, async (admin) => {
        const found = await ask<Grant>(admin, 'grants.show', { params: { grant } })
        if (session.print.isJson) session.print.json(found)
        else
          session.print.facts([
            ['Grant', found.grantId],
            ['User', found.username ?? found.subject],
            ['Client', found.clientName === null ? found.clientId : `${found.clientName} (${found.clientId})`],
            ['Server', found.server],
            ['Scopes', found.scopes.join(' ')],
            ['Status', found.status],
            ['Created', found.createdAt],
            ['Until', found.expiresAt],
            [
              'Revoked',
              found.revokedAt === null ? null : `${found.revokedAt} (${found.revokedCause ?? 'no cause kept'})`,
            ],
          ])
        return EXIT.ok
      }),
  )
  define<GrantOptions>(
    command
      .command('revoke')
      .description('revoke a grant, or all of a user or a client; tokens die within a second')
      .argument('[grant]', 'grant id')
      .option('--user <name>', 'all of this user')
      .option('--client <id>', 'all of this client')
      .option('--token <id>', 'one access token, by the id that the log names; its grant lives')
      .option('--everybody', 'every authorization, API key and login there is'),
    world,
    [
      'sallyport grant revoke 4nGq0X1hJ2',
      'sallyport grant revoke --user ada',
      'sallyport grant revoke --client 0198c2f0',
    ],
    (session, [grant], { user, client, token, everybody }) => {
      if ([grant, user, client, token, everybody].filter((value) => value !== undefined).length !== 1)
        throw new CliFailure(EXIT.usage, 'Name one: a grant id, --user, --client, --token or --everybody.')
      return withAdmin(session, async (admin) => {
        if (token !== undefined) {
          const { tokenId } = await ask<{ tokenId: string }>(admin, 'tokens.revoke', { params: { token } })
          if (session.print.isJson) session.print.json({ tokenId })
          else session.print.line`Denied ${tokenId}.`
          return EXIT.ok
        }
        if (everybody === true) {
          const { count } = await ask<{ count: number }>(admin, 'grants.revokeAll', { body: { everybody: true } })
          if (session.print.isJson) session.print.json({ count })
          else session.print.line`Revoked ${count} grants. Everybody logs in anew.`
          return EXIT.ok
        }
        const { revoked } =
          grant !== undefined
            ? await ask<{ revoked: string[] }>(admin, 'grants.revoke', { params: { grant } })
            : await ask<{ revoked: string[] }>(admin, 'grants.revokeMany', {
                body: user !== undefined ? { subject: await subjectOf(admin, user) } : { clientId: client },
              })
        if (session.print.isJson) session.print.json({ revoked })
        else session.print.line`Revoked ${revoked.length} grants.`
        return EXIT.ok
      })
    },
  )
  return command
}

async function subjectOf(admin: AdminClient, user: string): Promise<string> {
  return (await ask<{ subject: string }>(admin, 'users.show', { params: { user } })).subject
}

import type { Command } from 'commander'
import {
  ask,
  askAll,
  type CommandWorld,
  type CommonOptions,
  collect,
  define,
  given,
  type Session,
  withAdmin,
} from '../command.ts'
import { duration } from '../duration.ts'
import { CliFailure, EXIT, type ExitCode } from '../exit-codes.ts'

interface Key {
  readonly keyId: string
  readonly name: string
  readonly subject: string
  readonly username: string | null
  readonly status: string
  readonly servers: readonly { readonly server: string; readonly scopes: readonly string[]; readonly status: string }[]
  readonly secrets: readonly { readonly prefix: string; readonly createdAt: string; readonly endsAt: string }[]
  readonly createdAt: string
  readonly createdBy: string
  readonly expiresAt: string
  readonly revokedAt: string | null
  readonly revokedCause: string | null
  readonly lastUsedAt: string | null
}

interface KeyOptions extends CommonOptions {
  readonly user?: string
  readonly name?: string
  readonly scope?: readonly string[]
  readonly expires?: number
  readonly overlap?: number
  readonly ifOlderThan?: number
  readonly all?: true
}

export function keyCommand(command: Command, world: CommandWorld): Command {
  command.description('API keys: for programs that nobody logs in to')
  define<KeyOptions>(
    command
      .command('create')
      .description('make a key; it is shown once')
      .requiredOption('--user <name>', 'the account it acts as; disabling that ends the key')
      .requiredOption('--name <text>', 'what it is for')
      .requiredOption('--scope <scope>', 'what it may do: server:class; repeat it for more', collect)
      .requiredOption('--expires <time>', 'when it ends, such as 90d; at most 365d', duration),
    world,
    [
      'sallyport key create --user ci-bot --name "nightly build" --scope notes:read --expires 90d',
      'sallyport key create --user ada --name laptop --scope notes:write --scope files:read --expires 30d',
    ],
    (session, _args, { user, name, scope = [], expires }) =>
      withAdmin(session, async (admin) => {
        const body = { user, name, servers: byServer(scope), expiresInSeconds: expires }
        return showNew(session, await ask<Key & { key: string }>(admin, 'keys.create', { body }))
      }),
  )
  define<KeyOptions>(
    command
      .command('list')
      .description('list live keys')
      .option('--user <name>', 'only of this user')
      .option('--all', 'also those that are over'),
    world,
    ['sallyport key list', 'sallyport key list --user ci-bot --all'],
    (session, _args, { user, all }) =>
      withAdmin(session, async (admin) => {
        const subject =
          user === undefined
            ? undefined
            : (await ask<{ subject: string }>(admin, 'users.show', { params: { user } })).subject
        const keys = await askAll<Key>(admin, 'keys.list', given({ subject, all: all === true ? 'true' : undefined }))
        session.print.list(keys, {
          KEY: (key) => key.keyId,
          USER: (key) => key.username ?? key.subject,
          STATUS: (key) => key.status,
          UNTIL: (key) => key.expiresAt,
          USED: (key) => key.lastUsedAt ?? 'never',
          NAME: (key) => key.name,
          SCOPES: (key) => key.servers.flatMap(({ scopes }) => scopes).join(' '),
        })
        return EXIT.ok
      }),
  )
  define<KeyOptions>(
    command
      .command('rotate')
      .description('make a new secret for a key; the old one goes on for the overlap, then ends by itself')
      .argument('<key>', 'key id')
      .option('--overlap <time>', 'how long the old one goes on: 0, or 15m to 30d (default 24h)', duration)
      .option('--expires <time>', 'when the key ends, from now (default: as long as it was made for)', duration)
      .option('--if-older-than <time>', 'change nothing while the newest secret is younger: for schedules', duration),
    world,
    [
      'sallyport key rotate key_5e0c8a6f2b7d41c39a10b7f2',
      'sallyport key rotate key_5e0c8a6f2b7d41c39a10b7f2 --overlap 0',
      'sallyport key rotate key_5e0c8a6f2b7d41c39a10b7f2 --if-older-than 30d --overlap 7d --json',
    ],
    (session, [key = ''], { overlap, expires, ifOlderThan }) =>
      withAdmin(session, async (admin) => {
        const body = {
          ...(overlap === undefined ? {} : { overlapSeconds: overlap }),
          ...(expires === undefined ? {} : { expiresInSeconds: expires }),
          ...(ifOlderThan === undefined ? {} : { ifOlderThanSeconds: ifOlderThan }),
        }
        const rotated = await ask<Key & { key: string | null }>(admin, 'keys.rotate', { params: { key }, body })
        const { key: text } = rotated
        if (text !== null) return showNew(session, { ...rotated, key: text })
        if (session.print.isJson) session.print.json(rotated)
        else session.print.line`Not rotated: the newest secret is young enough.`
        return EXIT.ok
      }),
  )
  define(
    command.command('revoke').description('end a key within a second').argument('<key>', 'key id'),
    world,
    ['sallyport key revoke key_5e0c8a6f2b7d41c39a10b7f2'],
    (session, [key = '']) =>
      withAdmin(session, async (admin) => {
        const revoked = await ask<Key>(admin, 'keys.revoke', { params: { key } })
        if (session.print.isJson) session.print.json(revoked)
        else session.print.line`Revoked ${revoked.keyId}.`
        return EXIT.ok
      }),
  )
  return command
}

/** A scope begins with its server, so naming the server again would only be a way to contradict it. */
function byServer(scopes: readonly string[]): { server: string; scopes: string[] }[] {
  const servers = new Map<string, string[]>()
  for (const scope of scopes) {
    const [server, rest] = [scope.slice(0, scope.indexOf(':')), scope.slice(scope.indexOf(':') + 1)]
    if (!scope.includes(':') || server === '' || rest === '')
      throw new CliFailure(EXIT.usage, `A scope is server:class, such as notes:read; this is not one: ${scope}`)
    servers.set(server, [...(servers.get(server) ?? []), scope])
  }
  return [...servers].map(([server, held]) => ({ server, scopes: held }))
}

function showNew({ print }: Session, key: Key & { readonly key: string }): ExitCode {
  if (print.isJson) print.json(key)
  else {
    print.facts([
      ['Key', key.keyId],
      ['Name', key.name],
      ['User', key.username ?? key.subject],
      ['Scopes', key.servers.flatMap(({ scopes }) => scopes).join(' ')],
      ['Until', key.expiresAt],
      ...key.secrets.slice(1).map(({ prefix, endsAt }): [string, string] => ['Old one', `${prefix}… ends ${endsAt}`]),
      ['Secret', key.key],
    ])
    print.line`Keep the secret now: it is not shown again. Send it as Authorization: Bearer.`
  }
  return EXIT.ok
}

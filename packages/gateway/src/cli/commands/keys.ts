import type { Command } from 'commander'
import { ask, type CommandWorld, type CommonOptions, define, type Session, withAdmin } from '../command.ts'
import { EXIT } from '../exit-codes.ts'

interface SigningKey {
  readonly kid: string
  readonly algorithm: string
  readonly status: string
  readonly publishedAt: string
  readonly signsFrom: string
  readonly retiredAt: string | null
}

interface RotateOptions extends CommonOptions {
  readonly algorithm: string
  readonly compromised?: true
}

export function keysCommand(command: Command, world: CommandWorld): Command {
  command.description('the keys that sign access tokens (API keys: sallyport key)')
  define(
    command.command('list').description('list keys: published, in use, retiring'),
    world,
    ['sallyport keys list'],
    (session) =>
      withAdmin(session, async (admin) => {
        show(session, (await ask<{ items: SigningKey[] }>(admin, 'signingKeys.list')).items)
        return EXIT.ok
      }),
  )
  define<RotateOptions>(
    command
      .command('rotate')
      .description('let the next key sign as soon as it has been published for long enough')
      .option('--algorithm <name>', 'ES256, RS256 or EdDSA', 'ES256')
      .option('--compromised', 'at once; the key in use is deleted, and every token that it signed is refused'),
    world,
    ['sallyport keys rotate', 'sallyport keys rotate --compromised'],
    (session, _args, { algorithm, compromised }) =>
      withAdmin(session, async (admin) => {
        const body = { algorithm, isCompromised: compromised === true }
        const { items } = await ask<{ items: SigningKey[] }>(admin, 'signingKeys.rotate', { body })
        show(session, items)
        const next = items.find((key) => key.status === 'next' && key.algorithm === algorithm)
        const isWaiting = compromised !== true && next !== undefined && Date.parse(next.signsFrom) - Date.now() < DAY_MS
        if (isWaiting && !session.print.isJson)
          session.print.line`${next.kid} signs from ${next.signsFrom} on, when everybody has had time to learn of it.`
        return EXIT.ok
      }),
  )
  return command
}

/** A key that somebody asked for waits for at most this long; one that waits for the schedule, for longer. */
const DAY_MS = 24 * 3600 * 1000

function show({ print }: Session, keys: readonly SigningKey[]): void {
  print.list(keys, {
    KEY: (key) => key.kid,
    ALGORITHM: (key) => key.algorithm,
    STATUS: (key) => key.status,
    PUBLISHED: (key) => key.publishedAt,
    'SIGNS FROM': (key) => key.signsFrom,
    RETIRED: (key) => key.retiredAt ?? '',
  })
}

import { resolve } from 'node:path'
import type { Command } from 'commander'
import { describeStore } from '#control-plane/configuration/resolve-store.ts'
import { openStateFolder } from '#serve/state-folder.ts'
import type { CopySide } from '#store/copy/copy-side.ts'
import { CopyRefused, copyStore } from '#store/copy/copy-store.ts'
import { StoreFailure, StoreInUse } from '#store/errors.ts'
import type { StoreSettings } from '#store/ports/settings.ts'
import { type CommandWorld, type CommonOptions, define, type Session } from '../command.ts'
import { CliFailure, EXIT, type ExitCode } from '../exit-codes.ts'
import { loadPlace } from '../load-place.ts'
import { printable } from '../printable.ts'

interface CopyOptions extends CommonOptions {
  readonly from: string
  readonly to: string
}

export function dbCommand(command: Command, world: CommandWorld): Command {
  command.description('the store: SQLite in the state folder, or PostgreSQL')
  define(
    command.command('migrate').description('bring the tables to this version; `serve` does the same where it may'),
    world,
    ['sallyport db migrate', 'sallyport db migrate --config deploy/owner-of-the-tables.yaml'],
    (session) => failing(() => migrate(session)),
  )
  define<CopyOptions>(
    command
      .command('copy')
      .description('copy everything to an empty store, read it back there and compare; no gateway may run on either')
      .requiredOption('--from <store>', 'sqlite, sqlite:FILE, postgres or postgres:CONFIGURATION')
      .requiredOption('--to <store>', 'the same; `postgres` is the one of --config, `sqlite` that of --state-dir'),
    world,
    [
      'sallyport db copy --from sqlite --to postgres',
      'sallyport db copy --from postgres --to sqlite:backup/sallyport.db',
      'sallyport db copy --from postgres:old.yaml --to postgres:new.yaml --json',
    ],
    (session, _args, options) => failing(() => copy(session, options)),
  )
  return command
}

async function migrate(session: Session): Promise<ExitCode> {
  const settings = await settingsOf(session, session.places.configurationFile)
  const migrated = await migrateStore(session, settings)
  if (session.print.isJson) session.print.json({ store: describeStore(settings), migrated })
  else if (migrated.length === 0) session.print.line`${describeStore(settings)}: the tables are those of this version.`
  else session.print.line`${describeStore(settings)}: migrated by ${migrated.join(', ')}.`
  return EXIT.ok
}

async function migrateStore(session: Session, settings: StoreSettings): Promise<readonly string[]> {
  if (settings.kind === 'sqlite') {
    const { migrateSqlite } = await import('#store/sqlite/migrate-file.ts')
    return migrateSqlite((await openStateFolder(session.places.stateDir)).database)
  }
  const { clientConfig } = await import('#store/postgres/client-config.ts')
  const { migratePostgres } = await import('#store/postgres/migrate.ts')
  return migratePostgres(
    clientConfig(settings, () => settings.password),
    settings,
    warnerOf(session),
  )
}

async function copy(session: Session, { from, to }: CopyOptions): Promise<ExitCode> {
  const source = await openSide(session, from, 'source')
  try {
    const target = await openSide(session, to, 'target')
    try {
      const tables = await copyStore(source, target)
      if (session.print.isJson) session.print.json({ tables })
      else {
        session.print.list(tables, {
          TABLE: ({ table }) => table,
          ROWS: ({ rows }) => rows,
          SHA256: ({ digest }) => digest.slice(0, 16),
        })
        session.print
          .line`Copied, read back and compared. Keep the state folder: its keys and its audit folder belong to what was copied.`
      }
      return EXIT.ok
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function openSide(session: Session, text: string, role: 'source' | 'target'): Promise<CopySide> {
  const [, engine, place] = /^(sqlite|postgres)(?::(.+))?$/.exec(text) ?? []
  const fromHere = (path: string) => resolve(session.io.cwd ?? process.cwd(), path)
  if (engine === 'sqlite') {
    const { openSqliteSide } = await import('#store/sqlite/copy-side.ts')
    const file = place === undefined ? (await openStateFolder(session.places.stateDir)).database : fromHere(place)
    return openSqliteSide(file, role)
  }
  if (engine !== 'postgres')
    throw new CliFailure(
      EXIT.usage,
      `${text} is no store: write sqlite, sqlite:FILE, postgres or postgres:CONFIGURATION.`,
    )
  const configuration = place === undefined ? session.places.configurationFile : fromHere(place)
  const settings = await settingsOf(session, configuration)
  if (settings.kind !== 'postgres')
    throw new CliFailure(EXIT.configuration, `${configuration} names no PostgreSQL server under \`store\`.`)
  const { openPostgresSide } = await import('#store/postgres/copy-side.ts')
  return openPostgresSide(settings, role, warnerOf(session))
}

async function settingsOf({ env, places }: Session, file: string): Promise<StoreSettings> {
  return (await loadPlace({ ...places, configurationFile: file }, env)).store
}

function warnerOf({ io }: Session): (message: string) => void {
  return (message) => void io.stderr.write(`${printable(`warning: ${message}`)}\n`)
}

async function failing(run: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await run()
  } catch (cause) {
    if (cause instanceof StoreInUse)
      throw new CliFailure(EXIT.unreachable, 'A gateway runs on this state folder. Stop it first.', { cause })
    if (cause instanceof CopyRefused) throw new CliFailure(EXIT.negative, sentence(cause.message), { cause })
    if (cause instanceof StoreFailure) throw new CliFailure(EXIT.unreachable, sentence(cause.message), { cause })
    throw cause
  }
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}

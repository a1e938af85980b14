import { type Command, InvalidArgumentError } from 'commander'
import type { AdminError } from '#control-plane/admin-api/errors.ts'
import type { OperationId } from '#control-plane/admin-api/permissions.ts'
import type { AdminClient, AdminRequest } from './admin-client.ts'
import { CliFailure, EXIT, type ExitCode } from './exit-codes.ts'
import { type CliIo, createPrinter, type Printer } from './io.ts'
import { openAdmin } from './open-admin.ts'
import { type Environment, findPlaces, type PlaceOptions, type Places } from './places.ts'

/** What every command is given. */
export interface CommandWorld {
  readonly env: Environment
  readonly io: CliIo
  /** Set by the command that ran. */
  finish(code: ExitCode): void
}

export interface CommonOptions extends PlaceOptions {
  readonly json?: true
}

/** A command at work: where it looks, how it prints. */
export interface Session {
  readonly places: Places
  readonly print: Printer
  readonly io: CliIo
  readonly env: Environment
}

/** Names a command, its places and its examples in one go; `run` answers the exit code. */
export function define<Options extends CommonOptions>(
  command: Command,
  world: CommandWorld,
  examples: readonly string[],
  run: (session: Session, args: readonly string[], options: Options) => Promise<ExitCode>,
): Command {
  return withPlaces(command)
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`)
    .action(async (...given: unknown[]) => {
      // commander hands over the arguments, then the options, then the command.
      const options = given.at(-2) as Options
      const args = given.slice(0, -2).flatMap((value) => (Array.isArray(value) ? value : [value])) as (
        | string
        | undefined
      )[]
      const session: Session = {
        places: findPlaces(options, world.env, world.io),
        print: createPrinter(world.io, options.json === true),
        io: world.io,
        env: world.env,
      }
      world.finish(
        await run(
          session,
          args.filter((value) => value !== undefined),
          options,
        ),
      )
    })
}

function withPlaces(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (SALLYPORT_CONFIG; default ./sallyport.yaml)')
    .option('-s, --state-dir <folder>', 'folder of the state (SALLYPORT_STATE_DIR; default ./var)')
    .option('--json', 'print JSON')
}

/** Opens the admin API, runs, and closes it whatever happens. */
export async function withAdmin(
  session: Session,
  run: (admin: AdminClient) => Promise<ExitCode>,
  mayCreateState = false,
): Promise<ExitCode> {
  const admin = await openAdmin(session.places, session.env, session.io, mayCreateState)
  try {
    return await run(admin)
  } finally {
    await admin.close()
  }
}

/** The body of the answer, as the operation's schema describes it; a refusal ends the command with its sentence. */
export async function ask<T>(admin: AdminClient, operation: OperationId, request?: AdminRequest): Promise<T> {
  const answer = await admin.call(operation, request)
  if (!answer.ok) throw new CliFailure(exitCodeOf(answer.refusal), answer.refusal.message)
  return answer.value as T // both sides share the operation's schema
}

/** Lists longer than this are cut; `--json` callers page through the API instead. */
const LIST_ITEMS_MAX = 10_000
const PAGE_ITEMS = 200

/** Every item of a list, page after page, at most `max`. */
export async function askAll<T>(
  admin: AdminClient,
  operation: OperationId,
  query: Readonly<Record<string, string>> = {},
  max = LIST_ITEMS_MAX,
): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const page: { items: T[]; nextCursor: string | null } = await ask(admin, operation, {
      query: {
        ...query,
        limit: String(Math.min(PAGE_ITEMS, max - items.length)),
        ...(cursor === null ? {} : { cursor }),
      },
    })
    items.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null && items.length < max)
  return items
}

function exitCodeOf({ code }: AdminError): ExitCode {
  if (code === 'unavailable') return EXIT.unreachable
  return code === 'invalidInput' ? EXIT.usage : EXIT.negative
}

/** Options without the ones that were not given. */
export function given(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

export function wholeNumber(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value)
    if (!/^\d+$/.test(value) || number < min || number > max)
      throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`)
    return number
  }
}

import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'
import { type ExportLine, type VerificationReport, verifyLog } from '#audit/verify-log.ts'
import type { LogRecord } from '#control-plane/admin-api/log-operations.ts'
import {
  ask,
  askAll,
  type CommandWorld,
  type CommonOptions,
  define,
  given,
  type Session,
  wholeNumber,
  withAdmin,
} from '../command.ts'
import { CliFailure, EXIT, type ExitCode } from '../exit-codes.ts'
import type { CliIo } from '../io.ts'

const SHOWN_MAX = 10_000
const SHOWN_DEFAULT = 50

interface ShowOptions extends CommonOptions {
  readonly limit: number
  readonly activity?: string
  readonly outcome?: string
  readonly reason?: string
  readonly subject?: string
  readonly client?: string
  readonly grant?: string
  readonly server?: string
  readonly tool?: string
  readonly since?: string
  readonly until?: string
}

interface VerifyOptions extends CommonOptions {
  readonly file?: string
  readonly key?: string
}

export function logCommand(command: Command, world: CommandWorld): Command {
  command.description('the audit log: who did what through which client')
  define<ShowOptions>(
    command
      .command('show')
      .description('show records, newest first')
      .option('--limit <count>', 'most records to show', wholeNumber(1, SHOWN_MAX), SHOWN_DEFAULT)
      .option('--activity <name>', 'such as login, consent, call.outcome, request.refused')
      .option('--outcome <outcome>', 'success, refused, failed or unknown')
      .option('--reason <code>', 'such as scopeInsufficient')
      .option('--subject <id>', 'only of this subject')
      .option('--client <id>', 'only through this client')
      .option('--grant <id>', 'only under this grant')
      .option('--server <id>', 'only about this server')
      .option('--tool <name>', 'only about this tool')
      .option('--since <time>', 'RFC 3339, inclusive')
      .option('--until <time>', 'RFC 3339, exclusive'),
    world,
    [
      'sallyport log show',
      'sallyport log show --outcome refused --limit 20',
      'sallyport log show --server files --since 2026-11-01T00:00:00Z --json',
    ],
    (session, _args, options) =>
      withAdmin(session, async (admin) => {
        const { activity, outcome, reason, subject, client, grant, server, tool, since, until, limit } = options
        const query = given({
          activity,
          outcome,
          reason,
          subject,
          clientId: client,
          grantId: grant,
          server,
          tool,
          since,
          until,
        })
        const records = await askAll<LogRecord>(admin, 'log.show', query, limit)
        session.print.list(records, {
          TIME: (record) => record.time,
          ACTIVITY: (record) => record.activity,
          OUTCOME: (record) => record.outcome,
          REASON: (record) => record.reason,
          SERVER: (record) => record.server,
          WHAT: (record) => record.tool ?? record.method,
          REQUEST: (record) => record.requestId,
        })
        return EXIT.ok
      }),
  )
  define(
    command
      .command('explain')
      .description('what happened under a request id (every refusal shows one), and what to do')
      .argument('<request>', 'request id'),
    world,
    ['sallyport log explain 0198c2f0-6b1e-7a44-9d53-2f1f4a1f7c11'],
    (session, [request = '']) =>
      withAdmin(session, async (admin) => {
        const { records } = await ask<{ records: LogRecord[] }>(admin, 'log.explain', { params: { request } })
        if (session.print.isJson) session.print.json(records)
        else for (const record of records) explain(session, record)
        return EXIT.ok
      }),
  )
  define<VerifyOptions>(
    command
      .command('verify')
      .description('check that no record was changed, removed or inserted (exit code 1 if one was)')
      .option('--file <export>', 'check an export instead, without any server; - is standard input')
      .option('--key <file>', 'file that holds the verifier key, for --file'),
    world,
    [
      'sallyport log verify',
      'sallyport log verify --file log.ndjson --key var/audit/verifier-key',
      'sallyport log export | sallyport log verify --file - --key var/audit/verifier-key',
    ],
    async (session, _args, { file, key }) => {
      if ((file === undefined) !== (key === undefined))
        throw new CliFailure(EXIT.usage, '--file and --key belong together.')
      if (file !== undefined && key !== undefined)
        return report(
          session,
          await verifyExport(session, file === '-' ? null : pathOf(session, file), pathOf(session, key)),
        )
      return withAdmin(session, async (admin) => report(session, await ask<VerificationReport>(admin, 'log.verify')))
    },
  )
  define<CommonOptions & { readonly output?: string }>(
    command
      .command('export')
      .description('write the whole log, one JSON object a line')
      .option('-o, --output <file>', 'write here instead of standard output'),
    world,
    ['sallyport log export > log.ndjson', 'sallyport log export --output log.ndjson'],
    (session, _args, { output }) =>
      withAdmin(session, async (admin) => {
        if (output === undefined) {
          const { stdout } = session.io
          const closed = new Promise((resolve) => stdout.once('close', resolve))
          for await (const line of admin.lines('log.export')) {
            // Whoever read it (`| head`) has seen enough.
            if (stdout.destroyed) break
            if (!stdout.write(`${JSON.stringify(line)}\n`)) await Promise.race([once(stdout, 'drain'), closed])
          }
          return EXIT.ok
        }
        const stream = createWriteStream(pathOf(session, output), { mode: 0o600 })
        try {
          await once(stream, 'open')
          const done = finished(stream)
          // Awaited below; until then nothing listens, and a full disk would end the process.
          done.catch(() => undefined)
          for await (const line of admin.lines('log.export'))
            if (!stream.write(`${JSON.stringify(line)}\n`)) await Promise.race([once(stream, 'drain'), done])
          stream.end()
          await done
        } catch (cause) {
          if (stream.errored !== cause) throw cause
          throw new CliFailure(EXIT.unreachable, `The export cannot be written: ${pathOf(session, output)}`, { cause })
        }
        return EXIT.ok
      }),
  )
  return command
}

function pathOf({ io }: Session, file: string): string {
  return resolve(io.cwd ?? process.cwd(), file)
}

function explain({ print }: Session, record: LogRecord): void {
  print.facts([
    ['Time', record.time],
    ['Activity', record.activity],
    ['Outcome', record.reason === null ? record.outcome : `${record.outcome}: ${record.reason}`],
    ...(record.server === null ? [] : [['Server', record.server] as const]),
    ...(record.tool === null && record.method === null ? [] : [['What', record.tool ?? record.method] as const]),
    ...(record.subject === null ? [] : [['Subject', record.subject] as const]),
    ...(record.clientId === null ? [] : [['Client', record.clientId] as const]),
    ...(record.grantId === null ? [] : [['Grant', record.grantId] as const]),
    ...(record.meaning === null ? [] : [['Meaning', record.meaning] as const]),
    ...(record.action === null ? [] : [['What to do', record.action] as const]),
  ])
  print.line``
}

async function verifyExport({ io }: Session, file: string | null, keyFile: string): Promise<VerificationReport> {
  let key: string
  try {
    key = (await readFile(keyFile, 'utf8')).trim()
  } catch (cause) {
    throw new CliFailure(EXIT.unreachable, `The key cannot be read: ${keyFile}`, { cause })
  }
  return verifyLog(exportLines(io, file), key)
}

/** `file` null: standard input. */
async function* exportLines(io: CliIo, file: string | null): AsyncGenerator<ExportLine> {
  const stream = file === null ? io.stdin : createReadStream(file)
  let number = 0
  try {
    for await (const line of createInterface({ input: stream })) {
      number += 1
      if (line !== '') yield parseExportLine(line, number)
    }
  } catch (cause) {
    if (cause instanceof CliFailure) throw cause
    throw new CliFailure(EXIT.unreachable, `The export cannot be read: ${file ?? 'standard input'}`, { cause })
  }
}

function parseExportLine(text: string, number: number): ExportLine {
  const wrong = new CliFailure(EXIT.negative, `Line ${number} is not a line of an export.`)
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch {
    throw wrong
  }
  if (typeof line !== 'object' || line === null) throw wrong
  const { type, position, leaf, body, note } = line as Record<string, unknown>
  if (type === 'checkpoint' && typeof note === 'string') return { type, note }
  if (type === 'record' && typeof position === 'number' && typeof leaf === 'string' && typeof body === 'string')
    return { type, position, leaf, body }
  throw wrong
}

function report({ print }: Session, result: VerificationReport): ExitCode {
  if (print.isJson) print.json(result)
  else if (result.fault === null)
    print.line`The log is whole: ${result.records} records, ${result.checkpoints} checkpoints, the last one over ${result.vouchedFor} records.`
  else print.line`The log is NOT whole: ${result.fault}. ${result.records} records before it are good.`
  return result.isWhole ? EXIT.ok : EXIT.negative
}

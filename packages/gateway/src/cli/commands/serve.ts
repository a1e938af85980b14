import type { Command } from 'commander'
import { LogTampered } from '#audit/sequencer.ts'
import { systemErrorCode } from '#core/system-error.ts'
import { SETUP_LINK_SECONDS } from '#identity/setup-link.ts'
import type { Gateway } from '#serve.ts'
import { StoreFailure, StoreInUse } from '#store/errors.ts'
import { createLog } from '#telemetry/log.ts'
import { clientLines, serverUrls } from '../client-lines.ts'
import { type CommandWorld, type CommonOptions, define, wholeNumber } from '../command.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'
import { explainProblems } from '../explain-problems.ts'
import type { CliIo, Printer } from '../io.ts'

interface ServeOptions extends CommonOptions {
  readonly port?: number
}

const PORT_MAX = 65_535
/** Exit code of a process that was interrupted, as shells report it. */
const INTERRUPTED = 130

export function serveCommand(command: Command, world: CommandWorld): Command {
  return define<ServeOptions>(
    command
      .description('run the gateway until Ctrl-C; a second Ctrl-C does not wait; SIGHUP reads the configuration again')
      .option('-p, --port <port>', 'listen here instead; a loopback publicUrl moves along', wholeNumber(1, PORT_MAX)),
    world,
    [
      'sallyport serve',
      'sallyport serve --port 9000',
      'sallyport serve --config deploy/sallyport.yaml --state-dir /var/lib/sallyport',
    ],
    async ({ places, env, print, io }, _args, { port }) => {
      const { startGateway, ConfigurationInvalid } = await import('#serve.ts')
      const log = createLog({ write: (line) => io.stderr.write(line) })
      const stop = listenForStop(io)
      let gateway: Awaited<ReturnType<typeof startGateway>>
      try {
        gateway = await startGateway({
          configurationFile: places.configurationFile,
          stateDir: places.stateDir,
          ...(port === undefined ? {} : { port }),
          env,
          execPath: process.execPath,
          log,
        })
      } catch (cause) {
        if (cause instanceof ConfigurationInvalid)
          throw new CliFailure(EXIT.configuration, explainProblems(cause.problems), { cause })
        throw new CliFailure(EXIT.unreachable, explainStart(cause), { cause })
      }
      const reload = () =>
        void gateway.reload().catch((cause: unknown) => log.error('reloading the configuration', { cause }))
      let isStopping = false
      process.on('SIGHUP', () => {
        if (!isStopping) reload()
      })
      greet(print, gateway)
      const lost = await Promise.race([stop.asked, gateway.lost])
      isStopping = true
      if (lost === undefined && !print.isJson) print.line`Stopping.`
      await gateway.close()
      if (lost === undefined) return EXIT.ok
      // A process that refuses everything but says that it is alive is never started anew.
      const text = `The store is gone: ${lost.message}. Nothing that was acknowledged is lost; start the gateway again.`
      throw new CliFailure(EXIT.unreachable, text, { cause: lost })
    },
  )
}

/**
 * The first Ctrl-C asks, the second does not wait. SIGTERM asks, however often: service managers send it to each process of a group, and the
 * process that brought us a newer Node.js passes on its own. Nobody stops listening: a signal without a listener would end the process on
 * the spot, with its last records unwritten or its exit code lost.
 */
function listenForStop({ stderr }: CliIo): { readonly asked: Promise<void> } {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  let wasAsked = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (wasAsked && signal === 'SIGTERM') return
    if (wasAsked) {
      stderr.write('Not waiting any longer.\n')
      process.exit(INTERRUPTED)
    }
    wasAsked = true
    ask()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return { asked }
}

function explainStart(cause: unknown): string {
  const code = systemErrorCode(cause)
  if (code === 'EADDRINUSE') return 'The port is taken. Choose another with --port, or stop what listens there.'
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EROFS')
    return 'The state folder cannot be created there. Name another with --state-dir.'
  if (code === 'EACCES') return 'This user may not listen there, or may not use the state folder.'
  if (cause instanceof StoreInUse)
    return 'A gateway already runs on this state folder. Stop it first, or name another folder with --state-dir.'
  if (cause instanceof LogTampered)
    return `The audit log does not fit what this state folder remembers of it: ${cause.message}. If the store is a new one, fill it with \`sallyport db copy\`, or use a new state folder.`
  if (cause instanceof StoreFailure) return `The store cannot be used: ${cause.message}.`
  return `The gateway could not start: ${cause instanceof Error ? cause.message : 'unknown reason'}.`
}

/** The first screen: where it runs, the first account, and how clients connect. */
function greet(print: Printer, gateway: Gateway): void {
  const { snapshot, setupLink } = gateway
  const tenants = gateway.tenants()
  const servers = serverUrls(snapshot)
  if (print.isJson) {
    print.json({
      publicUrl: snapshot.publicUrl,
      setupLink,
      tenants,
      servers: servers.map((server) => ({ ...server, clients: clientLines(server.id, server.url) })),
    })
    return
  }
  print.line`Sallyport is running at ${snapshot.publicUrl}   (Ctrl-C stops it)`
  if (setupLink !== null) {
    print.line``
    print.line`Create the first account (this link works once, for ${SETUP_LINK_SECONDS / 60} minutes):`
    print.line`  ${setupLink}`
  }
  for (const { name, publicUrl, setupLink: link } of tenants) {
    print.line``
    print.line`Tenant ${name} is at ${publicUrl}`
    if (link !== null) print.line`  its first account: ${link}`
  }
  const [first, ...others] = servers
  if (first === undefined) {
    print.line``
    print.line`No MCP server is configured yet. Add one to the configuration; it is read again by itself.`
    return
  }
  print.line``
  print.line`MCP servers:`
  for (const { id, url } of servers)
    print.line`  ${id.padEnd(Math.max(...servers.map((server) => server.id.length)))}  ${url}`
  print.line``
  print.line`Connect a client to ${first.id}${others.length > 0 ? ' (the others likewise)' : ''}:`
  for (const { client, lines } of clientLines(first.id, first.url)) {
    print.line``
    print.line`  ${client}`
    for (const line of lines) print.line`    ${line}`
  }
}

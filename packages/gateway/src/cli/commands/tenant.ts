import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { socketPath } from '#control-plane/admin-api/socket-path.ts'
import { editTenant } from '#control-plane/configuration/edit-tenants.ts'
import { asTenantId, NAME_PATTERN } from '#core/ids.ts'
import { systemErrorCode } from '#core/system-error.ts'
import { tenantStateDir } from '#serve/tenant-state-dir.ts'
import { connectToSocket } from '../admin-client.ts'
import { type CommandWorld, define, type Session } from '../command.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'
import { explainProblems } from '../explain-problems.ts'
import { loadPlace } from '../load-place.ts'
import { TENANT_STARTER } from '../starter.ts'

export function tenantCommand(command: Command, world: CommandWorld): Command {
  command.description('organisations that share this gateway and nothing else')
  define(
    command.command('list').description('list the tenants of the configuration, and whether each can be reached'),
    world,
    ['sallyport tenant list'],
    async (session) => {
      const { tenants } = await loadPlace(session.places, session.env)
      const items = []
      for (const [name, { snapshot }] of tenants)
        items.push({
          name,
          publicUrl: snapshot.publicUrl,
          servers: snapshot.servers.size,
          isRunning: await isRunning(session, name),
        })
      session.print.list(items, {
        TENANT: ({ name }) => name,
        ISSUER: ({ publicUrl }) => publicUrl,
        SERVERS: ({ servers }) => servers,
        RUNNING: (item) => (item.isRunning ? 'yes' : 'no'),
      })
      return EXIT.ok
    },
  )
  define(
    command
      .command('create')
      .description(
        'write tenants/<name>.yaml to start from and name it in the configuration; a running gateway opens it',
      )
      .argument('<name>', '1 to 63 of a-z, 0-9 and -', tenantName),
    world,
    ['sallyport tenant create acme'],
    async (session, [name = '']) => {
      const file = join('tenants', `${name}.yaml`)
      const whole = join(dirname(session.places.configurationFile), file)
      if ((await loadPlace(session.places, session.env)).tenants.has(asTenantId(name)))
        throw new CliFailure(EXIT.negative, `There is a tenant ${name} already.`)
      const isOurs = await writeIfNew(whole)
      const edited = await editTenant(loadOptionsOf(session), name, file)
      if (!edited.ok) {
        if (isOurs) await rm(whole)
        throw new CliFailure(EXIT.configuration, explainProblems(edited.refusal))
      }
      const publicUrl = edited.value.tenants.get(asTenantId(name))?.snapshot.publicUrl ?? ''
      if (session.print.isJson) session.print.json({ name, publicUrl, file: whole })
      else {
        session.print.line`Tenant ${name} is at ${publicUrl}.`
        session.print
          .line`Next: add a server to ${whole}, and  sallyport user add NAME --role operator --tenant ${name}`
      }
      return EXIT.ok
    },
  )
  define(
    command
      .command('remove')
      .description(
        'take a tenant out of the configuration; a running gateway closes it. Its file and its state are kept',
      )
      .argument('<name>', 'the tenant', tenantName),
    world,
    ['sallyport tenant remove acme'],
    async (session, [name = '']) => {
      const tenant = (await loadPlace(session.places, session.env)).tenants.get(asTenantId(name))
      if (tenant === undefined) throw new CliFailure(EXIT.negative, `There is no tenant ${name}.`)
      const edited = await editTenant(loadOptionsOf(session), name, null)
      if (!edited.ok) throw new CliFailure(EXIT.configuration, explainProblems(edited.refusal))
      const kept = tenantStateDir(session.places.stateDir, name)
      if (session.print.isJson) session.print.json({ name, kept })
      else session.print.line`${tenant.snapshot.publicUrl} is gone. What it had is kept in ${kept}.`
      return EXIT.ok
    },
  )
  return command
}

/** It becomes part of paths, so it is nothing but a name. */
export function tenantName(value: string): string {
  if (!NAME_PATTERN.test(value)) throw new InvalidArgumentError('Write 1 to 63 of a-z, 0-9 and -.')
  return value
}

function loadOptionsOf({ places, env }: Session) {
  return { file: places.configurationFile, env, stateDir: places.stateDir }
}

async function isRunning({ places }: Session, name: string): Promise<boolean> {
  const client = await connectToSocket(socketPath(tenantStateDir(places.stateDir, name)))
  await client?.close()
  return client !== null
}

/** False if it is there: a tenant that comes back has its file as it was. */
async function writeIfNew(file: string): Promise<boolean> {
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, TENANT_STARTER, { flag: 'wx', mode: 0o644 })
    return true
  } catch (cause) {
    if (systemErrorCode(cause) === 'EEXIST') return false
    throw new CliFailure(EXIT.unreachable, `${file} cannot be written.`, { cause })
  }
}

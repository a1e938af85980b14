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
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { readPassword } from '../read-password.ts'

interface User {
  readonly subject: string
  readonly username: string
  readonly displayName: string
  readonly roles: readonly string[]
  readonly status: string
  readonly createdAt: string
  readonly passwordChangedAt: string
  readonly password?: string
}

interface AddOptions extends CommonOptions {
  readonly passwordFile?: string
  readonly role?: readonly string[]
  readonly displayName?: string
}

const PASSWORD_FILE = ['--password-file <file>', 'read the password from this file; - is standard input'] as const

export function userCommand(command: Command, world: CommandWorld): Command {
  command.description('people who may log in')
  define<AddOptions>(
    command
      .command('add')
      .description('open an account, with or without a running server')
      .argument('<name>', 'username: a-z, 0-9 and ._@-')
      .option(...PASSWORD_FILE)
      .option('--role <role>', 'role from the configuration; may be repeated (default: user)', collect)
      .option('--display-name <text>', 'name shown to people'),
    world,
    [
      'sallyport user add ada',
      'sallyport user add ada --role operator --password-file ./ada.password',
      'printf %s "$PASSWORD" | sallyport user add ci --password-file -',
    ],
    async (session, [username = ''], options) => {
      const password = await readPassword(options.passwordFile, session.io)
      const body = {
        username,
        ...given({ displayName: options.displayName, password: password ?? undefined }),
        ...(options.role === undefined ? {} : { roles: options.role }),
      }
      return withAdmin(session, async (admin) => show(session, await ask<User>(admin, 'users.create', { body })), true)
    },
  )
  define(
    command.command('list').description('list the accounts'),
    world,
    ['sallyport user list', 'sallyport user list --json'],
    (session) =>
      withAdmin(session, async (admin) => {
        const users = await askAll<User>(admin, 'users.list')
        session.print.list(users, {
          USERNAME: (user) => user.username,
          STATUS: (user) => user.status,
          ROLES: (user) => user.roles.join(','),
          CREATED: (user) => user.createdAt.slice(0, 10),
          NAME: (user) => user.displayName,
        })
        return EXIT.ok
      }),
  )
  define(
    command.command('show').description('show one account').argument('<name>', 'username or subject'),
    world,
    ['sallyport user show ada'],
    (session, [user = '']) =>
      withAdmin(session, async (admin) => show(session, await ask<User>(admin, 'users.show', { params: { user } }))),
  )
  for (const [verb, description, id] of [
    ['disable', 'end every login and grant of an account and let nobody in', 'users.disable'],
    ['enable', 'let a disabled account log in again', 'users.enable'],
  ] as const) {
    define(
      command.command(verb).description(description).argument('<name>', 'username or subject'),
      world,
      [`sallyport user ${verb} ada`],
      (session, [user = '']) =>
        withAdmin(session, async (admin) => show(session, await ask<User>(admin, id, { params: { user } }))),
    )
  }
  define(
    command
      .command('roles')
      .description('replace the roles of an account')
      .argument('<name>', 'username or subject')
      .argument('<roles...>', 'roles from the configuration'),
    world,
    ['sallyport user roles ada operator', 'sallyport user roles ada user auditor'],
    (session, [user = '', ...roles]) =>
      withAdmin(session, async (admin) =>
        show(session, await ask<User>(admin, 'users.setRoles', { params: { user }, body: { roles } })),
      ),
  )
  define<AddOptions>(
    command
      .command('password')
      .description('set or generate a new password; ends every login and grant of the account')
      .argument('<name>', 'username or subject')
      .option(...PASSWORD_FILE),
    world,
    ['sallyport user password ada', 'sallyport user password ada --password-file ./new.password'],
    async (session, [user = ''], options) => {
      const password = await readPassword(options.passwordFile, session.io)
      const body = given({ password: password ?? undefined })
      return withAdmin(session, async (admin) =>
        show(session, await ask<User>(admin, 'users.setPassword', { params: { user }, body })),
      )
    },
  )
  define(
    command
      .command('reset-factors')
      .description('take away authenticator app, passkeys and recovery codes of somebody who has lost them')
      .argument('<name>', 'username or subject'),
    world,
    ['sallyport user reset-factors ada'],
    (session, [user = '']) =>
      withAdmin(session, async (admin) => {
        const { hadFactors } = await ask<{ readonly hadFactors: boolean }>(admin, 'users.resetFactors', {
          params: { user },
        })
        session.print.json({ hadFactors })
        session.print
          .line`${hadFactors ? 'Their second factors are gone; they set up new ones at the next login, or at the account page.' : 'There was no second factor.'}`
        return EXIT.ok
      }),
  )
  linkCommands(command, world)
  return command
}

interface Link {
  readonly issuer: string
  readonly subject: string
  readonly linkedAt: string
  readonly linkedBy: string
}

interface LinkOptions extends CommonOptions {
  readonly issuer: string
  readonly subject: string
}

/** Who an account is at the identity providers whose assertions are taken. */
function linkCommands(command: Command, world: CommandWorld): void {
  define(
    command
      .command('links')
      .description('show who an account is at identity providers')
      .argument('<name>', 'username or subject'),
    world,
    ['sallyport user links ada'],
    (session, [user = '']) =>
      withAdmin(session, async (admin) =>
        showLinks(session, await ask<{ items: readonly Link[] }>(admin, 'users.links', { params: { user } })),
      ),
  )
  for (const [verb, description, id] of [
    ['link', 'say who an account is at an identity provider', 'users.link'],
    ['unlink', 'take that back; tokens that are out end by themselves', 'users.unlink'],
  ] as const)
    define<LinkOptions>(
      command
        .command(verb)
        .description(description)
        .argument('<name>', 'username or subject')
        .requiredOption('--issuer <url>', '`iss` of the provider, byte for byte')
        .requiredOption('--subject <sub>', '`sub` at the provider, byte for byte'),
      world,
      [`sallyport user ${verb} ada --issuer https://idp.example.com --subject 00u1abcd`],
      (session, [user = ''], { issuer, subject }) =>
        withAdmin(session, async (admin) => {
          await ask(admin, id, { params: { user }, body: { issuer, subject } })
          return showLinks(session, await ask<{ items: readonly Link[] }>(admin, 'users.links', { params: { user } }))
        }),
    )
}

function showLinks({ print }: Session, { items }: { readonly items: readonly Link[] }): ExitCode {
  print.list(items, {
    ISSUER: (link) => link.issuer,
    SUBJECT: (link) => link.subject,
    LINKED: (link) => link.linkedAt.slice(0, 10),
    BY: (link) => link.linkedBy,
  })
  return EXIT.ok
}

function show({ print }: Session, user: User): ExitCode {
  if (print.isJson) print.json(user)
  else {
    print.facts([
      ['Username', user.username],
      ['Name', user.displayName],
      ['Status', user.status],
      ['Roles', user.roles.join(', ')],
      ['Subject', user.subject],
      ['Created', user.createdAt],
    ])
    if (user.password !== undefined) {
      print.line``
      print.line`Password, shown only now: ${user.password}`
    }
  }
  return EXIT.ok
}

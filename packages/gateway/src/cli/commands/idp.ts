import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { AdminClient } from '../admin-client.ts'
import { ask, type CommandWorld, define, type Session, withAdmin } from '../command.ts'
import { CliFailure, EXIT, type ExitCode } from '../exit-codes.ts'

interface Begun {
  readonly testId: string
  readonly url: string
  readonly redirectUri: string
}

interface Result {
  readonly isLetIn: boolean
  readonly reason: string | null
  readonly meaning: string | null
  readonly action: string | null
  readonly said: string | null
  readonly claims: Readonly<Record<string, unknown>> | null
  readonly account: {
    readonly username: string | null
    readonly how: 'linked' | 'linkedByAddress' | 'opened'
    readonly roles: readonly string[]
  } | null
  readonly authentication: {
    readonly at: string | null
    readonly amr: readonly string[]
    readonly isMultiFactor: boolean
  } | null
}

const EVERY_MS = 1_000
/** A little less than a test is kept, so that its end is told here. */
const WAIT_MS = 15 * 60_000 - 5_000

const HOW = {
  linked: 'linked already',
  linkedByAddress: 'would be linked by the address',
  opened: 'would be opened',
} as const

export function idpCommand(command: Command, world: CommandWorld): Command {
  command.description('the identity providers that people log in at')
  define(
    command
      .command('test')
      .description('try out a login; nobody is logged in by it, and no account is opened or changed')
      .argument('<name>', 'of the provider in the configuration'),
    world,
    ['sallyport idp test corp', 'sallyport idp test corp --json'],
    (session, [provider = '']) =>
      withAdmin(session, async (admin) => {
        const begun = await ask<Begun>(admin, 'identityProviders.test', { params: { provider } })
        // With --json what is printed is the result alone; the address is for whoever sits there.
        session.io.stderr.write(
          `Log in here, in a browser, within a quarter of an hour:\n  ${begun.url}\nThe provider has to know this redirect URI:\n  ${begun.redirectUri}\nWaiting.\n`,
        )
        return show(session, await waitForResult(admin, begun))
      }),
  )
  return command
}

async function waitForResult(admin: AdminClient, { testId }: Begun): Promise<Result> {
  const until = performance.now() + WAIT_MS
  while (performance.now() < until) {
    const { result } = await ask<{ result: Result | null }>(admin, 'identityProviders.testResult', {
      params: { test: testId },
    })
    if (result !== null) return result
    await sleep(EVERY_MS)
  }
  throw new CliFailure(
    EXIT.negative,
    'Nobody came back from the provider. If it showed an error of its own, it does not know the redirect URI or the client id: register them there. Otherwise run it again when somebody is there to log in.',
  )
}

function show({ print }: Session, result: Result): ExitCode {
  const { isLetIn, reason, meaning, action, said, claims, account, authentication } = result
  if (print.isJson) print.json(result)
  else {
    if (claims !== null) {
      print.line`What the provider said (ID token, verified):`
      print.facts(Object.entries(claims).map(([name, value]) => [`  ${name}`, JSON.stringify(value)] as const))
      print.line``
    }
    if (authentication !== null) {
      const { at, amr, isMultiFactor } = authentication
      print.facts([
        ['Proved themselves', at ?? 'it does not say when'],
        ['By', `${amr.join(', ')}: ${isMultiFactor ? 'more than one factor' : 'one factor'}`],
      ])
    }
    if (account !== null)
      print.facts([
        ['Account', `${account.username ?? 'a name that is made up'}, ${HOW[account.how]}`],
        ['Roles', account.roles.length === 0 ? 'none: they could do nothing' : account.roles.join(', ')],
      ])
    print.line``
    if (isLetIn) print.line`They would be let in.`
    else {
      print.line`They would not be let in (${reason ?? ''}). ${meaning ?? ''}`
      if (said !== null) print.line`It said: ${said}`
      print.line`${action ?? ''}`
    }
  }
  return isLetIn ? EXIT.ok : EXIT.negative
}

import { Readable, Writable } from 'node:stream'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { createProgram } from '#cli/run.ts'
import { createTestCli } from '../support/cli.ts'

const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() })
const program = createProgram({
  env: {},
  io: { stdin: Readable.from([]), stdout: sink(), stderr: sink() },
  finish: () => undefined,
})

function paths(command: Command, before: readonly string[] = []): string[][] {
  return command.commands.flatMap((child) => [[...before, child.name()], ...paths(child, [...before, child.name()])])
}

const COMMANDS = paths(program)

describe('--help', () => {
  it('knows the commands that the documentation names', () => {
    expect(COMMANDS.map((path) => path.join(' '))).toEqual([
      'init',
      'check',
      'serve',
      'user',
      'user add',
      'user list',
      'user show',
      'user disable',
      'user enable',
      'user roles',
      'user password',
      'user reset-factors',
      'user links',
      'user link',
      'user unlink',
      'client',
      'client list',
      'client show',
      'client approve',
      'client remove',
      'client token',
      'client token create',
      'client token list',
      'client token revoke',
      'grant',
      'grant list',
      'grant show',
      'grant revoke',
      'key',
      'key create',
      'key list',
      'key rotate',
      'key revoke',
      'keys',
      'keys list',
      'keys rotate',
      'idp',
      'idp test',
      'log',
      'log show',
      'log explain',
      'log verify',
      'log export',
      'db',
      'db migrate',
      'db copy',
      'tenant',
      'tenant list',
      'tenant create',
      'tenant remove',
    ])
  })

  it.each(COMMANDS.map((path) => [path.join(' '), path] as const))(
    '%s has an example of itself',
    async (name, path) => {
      const cli = createTestCli()
      const { code, out, err } = await cli.run([...path, '--help'])
      expect(code).toBe(0)
      expect(err).toBe('')
      expect(out).toMatch(new RegExp(`Examples:\\n {2}\\$ .*sallyport ${name}`))
      const isGroup = COMMANDS.some(
        (other) => other.length > path.length && other.slice(0, path.length).join(' ') === name,
      )
      if (!isGroup) for (const option of ['--json', '--config', '--state-dir']) expect(out).toContain(option)
      cli.remove()
    },
  )

  it('of the whole names the exit codes', async () => {
    const cli = createTestCli()
    expect((await cli.run(['--help'])).out).toContain('Exit codes: 0 done, 1 the answer is no, 2 not understood')
    cli.remove()
  })
})

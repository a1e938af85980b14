import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { runCli } from '#cli/run.ts'
import { createMachine, type Machine } from './machine.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

async function run(machine: Machine, args: readonly string[], env: Record<string, string> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const io = { stdin: new PassThrough(), stdout, stderr, cwd: machine.project }
  const code = await runCli(['inventory', ...args], { HOME: machine.home, ...env }, io)
  const text = (stream: PassThrough): string => ((stream.read() ?? '') as Buffer | string).toString()
  return { code, stdout: text(stdout), stderr: text(stderr) }
}

const write = (machine: Machine, entry: unknown): void =>
  void machine.write('home', '.cursor/mcp.json', JSON.stringify({ mcpServers: { a: entry } }))

describe('exit codes', () => {
  test.each<[string, unknown, string[], number]>([
    ['nothing configured', undefined, [], 0],
    ['a server without fault', { command: 'x' }, [], 0],
    ['a high finding', { url: 'http://a.example' }, [], 1],
    ['a medium finding is below the default', { command: 'npx', args: ['x'] }, [], 0],
    ['a medium finding, asked for', { command: 'npx', args: ['x'] }, ['--fail-on', 'medium'], 1],
    ['a high finding, not asked for', { url: 'http://a.example' }, ['--fail-on', 'critical'], 0],
    ['a high finding, never', { url: 'http://a.example' }, ['--fail-on', 'never'], 0],
    ['a server that can not be asked', { command: '/nowhere' }, ['--start'], 4],
    ['the same, not asked', { command: '/nowhere' }, ['--start', 'b'], 0],
    [
      'a finding and a server that can not be asked',
      { command: '/nowhere', env: { A_PASSWORD: 'hunter2' } },
      ['--start'],
      1,
    ],
    ['an unknown format', { command: 'x' }, ['--format', 'pdf'], 2],
    ['an unknown severity', { command: 'x' }, ['--fail-on', 'bad'], 2],
    ['a gateway that is no URL', { command: 'x' }, ['--gateway', 'gw'], 2],
    ['a gateway with a password', { command: 'x' }, ['--gateway', 'https://a:b@gw.example'], 2],
    ['a safe call without a tool', { command: 'x' }, ['--safe-call', 'cursor'], 2],
    ['a safe call with arguments that are no object', { command: 'x' }, ['--safe-call', 'cursor/a/list=[1]'], 2],
    ['an argument too many', { command: 'x' }, ['--format', 'json', 'more'], 2],
    ['a file that can not be written', { command: 'x' }, ['--output', 'nowhere/at/all'], 2],
  ])('%s', async (_title, entry, args, code) => {
    const machine = createMachine()
    if (entry !== undefined) write(machine, entry)
    const result = await run(machine, args)
    expect(result.code).toBe(code)
    if (code === 2) expect([result.stdout, result.stderr === '']).toEqual(['', false])
  })

  test('a file that can not be looked at is inconclusive', async () => {
    const machine = createMachine()
    machine.write('home', '.cursor/mcp.json', '{')
    const { code, stdout } = await run(machine, [])
    expect(code).toBe(4)
    expect(stdout).toContain('~/.cursor/mcp.json  not JSON that can be parsed')
  })
})

describe('formats', () => {
  test.each([
    ['table', /^Inventory of MCP servers\n/],
    ['json', /^\{\n {2}"kind": "inventory"/],
    ['sarif', /"version": "2\.1\.0"/],
    ['junit', /^<\?xml /],
    ['markdown', /^## `Inventory of MCP servers`/],
    ['html', /^<!doctype html>/],
  ])('%s', async (format, form) => {
    const machine = createMachine()
    write(machine, { command: 'npx', args: ['x', '--token', 'hunter2hunter2'], env: { A_PASSWORD: 'hunter2' } })
    const { stdout } = await run(machine, ['--format', format, '--gateway', 'https://gw.example/mcp'])
    expect(stdout).toMatch(form)
    expect(stdout).toContain('inventory.secret-in-plain-text')
    expect(stdout).toContain('inventory.not-behind-gateway')
    expect(stdout).not.toContain('hunter2')
  })

  test('a report in a file is for its owner alone', async () => {
    const machine = createMachine()
    write(machine, { command: 'x' })
    const { stdout, code } = await run(machine, ['--format', 'json', '--output', 'report.json'])
    expect([stdout, code]).toEqual(['', 0])
    const file = join(machine.project, 'report.json')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ kind: 'inventory' })
    expect(statSync(file).mode & 0o077).toBe(0)
  })
})

test('--home looks in that home alone: variables of the user and folders of the machine do not count', async () => {
  const machine = createMachine()
  machine.write('root', 'other/.cursor/mcp.json', '{"mcpServers":{"theirs":{"command":"x"}}}')
  machine.write('home', '.config/Claude/claude_desktop_config.json', '{"mcpServers":{"mine":{"command":"x"}}}')
  const other = join(machine.root, 'other')
  const env = { XDG_CONFIG_HOME: join(machine.home, '.config') }
  const { stdout } = await run(machine, ['--format', 'json', '--home', other], env)
  expect((JSON.parse(stdout) as { servers: { id: string }[] }).servers.map(({ id }) => id)).toEqual(['cursor/theirs'])
})

test('--project may be repeated; files of the first are named from it', async () => {
  const machine = createMachine()
  machine.write('root', 'p1/.mcp.json', '{"mcpServers":{"one":{"command":"x"}}}')
  machine.write('root', 'p2/.mcp.json', '{"mcpServers":{"two":{"command":"x"}}}')
  const { stdout } = await run(machine, [
    '--format',
    'json',
    '--project',
    join(machine.root, 'p1'),
    '--project',
    join(machine.root, 'p2'),
  ])
  expect((JSON.parse(stdout) as { servers: { file: string }[] }).servers.map(({ file }) => file)).toEqual([
    '.mcp.json',
    join(machine.root, 'p2/.mcp.json'),
  ])
})

test('a safe call is taken apart at its last slash and its first equals sign', async () => {
  const machine = createMachine()
  const server = fileURLToPath(new URL('servers/stdio.mjs', import.meta.url))
  const file = join(machine.root, 'started')
  write(machine, { command: process.execPath, args: [server, 'good', file] })
  await run(machine, ['--start', 'cursor/a', '--safe-call', 'cursor/a/list_notes={"query":"a=b/c"}'])
  expect(JSON.parse(readFileSync(`${file}.called`, 'utf8'))).toEqual({
    name: 'list_notes',
    arguments: { query: 'a=b/c' },
  })
})

test('the process itself reads files and does nothing more: it opens no socket and starts nothing', () => {
  const machine = createMachine()
  write(machine, { command: 'npx', args: ['-y', 'x'], url: 'https://a.example/mcp' })
  const guard = `
    const refuse = (what) => () => { process.stderr.write('REACHED ' + what + '\\n'); process.exit(99) }
    const net = await import('node:net'), child = await import('node:child_process'), dns = await import('node:dns')
    net.default.Socket.prototype.connect = refuse('net')
    child.default.ChildProcess.prototype.spawn = refuse('child')
    dns.default.lookup = refuse('dns')
    globalThis.fetch = refuse('fetch')`
  const result = spawnSync(
    process.execPath,
    [
      '--conditions=sallyport-source',
      '--import',
      `data:text/javascript,${encodeURIComponent(guard)}`,
      MAIN,
      'inventory',
      '--format',
      'json',
    ],
    { env: { HOME: machine.home, PATH: process.env['PATH'] }, cwd: machine.project, encoding: 'utf8' },
  )
  expect([result.status, result.stderr]).toEqual([0, ''])
  expect(result.stdout).toContain('cursor/a')
  // The guard does catch what it is for.
  const started = spawnSync(
    process.execPath,
    [
      '--conditions=sallyport-source',
      '--import',
      `data:text/javascript,${encodeURIComponent(guard)}`,
      MAIN,
      'inventory',
      '--start',
    ],
    { env: { HOME: machine.home, PATH: process.env['PATH'] }, cwd: machine.project, encoding: 'utf8' },
  )
  expect([started.status, started.stderr]).toEqual([99, 'REACHED fetch\n'])
})

test('a device in the way does not keep the process', () => {
  const machine = createMachine()
  machine.write('home', '.cursor/keep', '')
  execFileSync('mkfifo', [join(machine.home, '.cursor/mcp.json')])
  const result = spawnSync(process.execPath, ['--conditions=sallyport-source', MAIN, 'inventory'], {
    env: { HOME: machine.home },
    cwd: machine.project,
    encoding: 'utf8',
    timeout: 15_000,
  })
  expect(result.status).toBe(4)
})

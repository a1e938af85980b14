import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, truncateSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toHtml } from '#report/to-html.ts'
import { toTable } from '#report/to-table.ts'
import { createMachine } from './machine.ts'

const SECRET = 'hunter2-should-never-be-shown'
const problemsOf = async (machine: ReturnType<typeof createMachine>) =>
  (await machine.inventory()).problems.map(({ client, file, problem }) => `${client} ${file}: ${problem}`)

describe('a file that can not be looked at is one clear line', () => {
  test.each([
    ['cut off', '{"mcpServers": {"a": {"command": "x"', 'not JSON that can be parsed'],
    ['something else', 'hello', 'not JSON that can be parsed'],
    ['two values', '{} {}', 'not JSON that can be parsed'],
  ])('JSON: %s', async (_title, text, problem) => {
    const machine = createMachine()
    machine.write('home', '.cursor/mcp.json', text)
    expect(await problemsOf(machine)).toEqual([`cursor ~/.cursor/mcp.json: ${problem}`])
  })

  test.each([
    ['.codex/config.toml', '[mcp_servers', 'codex', 'TOML'],
    ['.codex/config.toml', `a = ${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'codex', 'TOML'],
    ['.config/goose/config.yaml', 'extensions: [', 'goose', 'YAML'],
    ['.config/goose/config.yaml', `extensions: ${'['.repeat(50_000)}`, 'goose', 'YAML'],
    ['.config/goose/config.yaml', '- '.repeat(50_000), 'goose', 'YAML'],
    ['.config/goose/config.yaml', 'extensions: !!js/function "function(){}"\n x: *nowhere', 'goose', 'YAML'],
  ])('%s holding %.20s', async (path, text, client, format) => {
    const machine = createMachine()
    machine.write('home', path, text)
    expect(await problemsOf(machine)).toEqual([`${client} ~/${path}: not ${format} that can be parsed`])
  })

  test('aliases that unfold without end', async () => {
    const machine = createMachine()
    const levels = 'abcdefghij'.split('')
    const lines = levels.map(
      (name, at) =>
        `${name}: &${name} [${Array(10)
          .fill(at === 0 ? 'x' : `*${levels[at - 1]}`)
          .join(',')}]`,
    )
    machine.write('home', '.config/goose/config.yaml', `${lines.join('\n')}\nextensions: *j\n`)
    expect(await problemsOf(machine)).toEqual(['goose ~/.config/goose/config.yaml: not YAML that can be parsed'])
  })

  test('bytes that are no text', async () => {
    const machine = createMachine()
    machine.write('home', '.cursor/mcp.json', new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]))
    expect(await problemsOf(machine)).toEqual(['cursor ~/.cursor/mcp.json: not UTF-8 text'])
  })

  test('a file of a gigabyte, which is not read', async () => {
    const machine = createMachine()
    truncateSync(machine.write('home', '.cursor/mcp.json', ''), 2 ** 30)
    expect(await problemsOf(machine)).toEqual([
      'cursor ~/.cursor/mcp.json: larger than a configuration can be; not read',
    ])
  })

  test('a pipe, a folder, a socket, and a device behind a link: none is waited for', async () => {
    const machine = createMachine()
    mkdirSync(join(machine.home, '.cursor'))
    execFileSync('mkfifo', [join(machine.home, '.cursor/mcp.json')])
    mkdirSync(join(machine.home, '.gemini/settings.json'), { recursive: true })
    mkdirSync(join(machine.home, '.junie/mcp'), { recursive: true })
    const socket = createServer().listen(join(machine.home, '.junie/mcp/mcp.json'))
    mkdirSync(join(machine.home, '.kiro/settings'), { recursive: true })
    symlinkSync('/dev/zero', join(machine.home, '.kiro/settings/mcp.json'))
    try {
      expect(await problemsOf(machine)).toEqual([
        'cursor ~/.cursor/mcp.json: not a regular file; not opened',
        'gemini-cli ~/.gemini/settings.json: not a regular file; not opened',
        'junie ~/.junie/mcp/mcp.json: not a regular file; not opened',
        'kiro ~/.kiro/settings/mcp.json: a symbolic link that leaves its folder; not followed',
      ])
    } finally {
      await new Promise((resolve) => socket.close(resolve))
    }
  })

  test('a device in its place', async () => {
    const machine = createMachine()
    const { home, project } = machine
    // The folder that is looked in is /dev itself: the link stays inside, and what it names is no file.
    const client = {
      id: 'x',
      name: 'X',
      sources: ['-'],
      files: [{ base: 'system', path: '../dev/zero', format: 'json', at: [['mcpServers']] }],
    } as const
    const report = await machine.inventory({
      roots: { platform: 'linux', home, projects: [project], system: '/', environment: {} },
      clients: [client],
    })
    expect(report.problems.map(({ problem }) => problem)).toEqual(['not a regular file; not opened'])
  })

  test('a link to nothing, a circle, and one that leaves', async () => {
    const machine = createMachine()
    mkdirSync(join(machine.home, '.cursor'))
    symlinkSync('nowhere.json', join(machine.home, '.cursor/mcp.json'))
    mkdirSync(join(machine.home, '.gemini'))
    symlinkSync('settings.json', join(machine.home, '.gemini/settings.json'))
    machine.write('root', 'etc/shadow', `{"mcpServers":{"a":{"command":"${SECRET}"}}}`)
    mkdirSync(join(machine.project, '.vscode'))
    symlinkSync(join(machine.root, 'etc/shadow'), join(machine.project, '.vscode/mcp.json'))
    expect(await problemsOf(machine)).toEqual([
      'cursor ~/.cursor/mcp.json: a symbolic link to nothing',
      'vscode .vscode/mcp.json: a symbolic link that leaves its folder; not followed',
      'gemini-cli ~/.gemini/settings.json: a symbolic link to nothing',
    ])
    expect((await machine.inventory()).servers).toEqual([])
  })

  test('a link that stays inside is followed: people keep such files in a repository of their own', async () => {
    const machine = createMachine()
    machine.write('home', 'dotfiles/cursor.json', '{"mcpServers":{"a":{"command":"x"}}}')
    mkdirSync(join(machine.home, '.cursor'))
    symlinkSync('../dotfiles/cursor.json', join(machine.home, '.cursor/mcp.json'))
    const report = await machine.inventory()
    expect(report.problems).toEqual([])
    expect(report.servers.map(({ id }) => id)).toEqual(['cursor/a'])
  })

  test('a file without the right to read it', () => {
    const machine = createMachine()
    chmodSync(machine.root, 0o755)
    const file = machine.write('home', '.cursor/mcp.json', '{}', 0o000)
    const module = new URL('../../src/inventory/read-config-file.ts', import.meta.url)
    const script = `import { readConfigFile } from '${module.href}'
      console.log(JSON.stringify(await readConfigFile(${JSON.stringify(machine.home)}, ${JSON.stringify(file)}, 1000)))`
    // For root nothing is unreadable, so somebody else asks.
    const identity = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    const args = ['--conditions=sallyport-source', '--input-type=module', '-e', script]
    const output = execFileSync(process.execPath, args, { ...identity, env: {}, cwd: '/', encoding: 'utf8' })
    expect(JSON.parse(output)).toEqual({ kind: 'problem', problem: 'notReadable' })
  })

  test('a file whose bytes the system does not give', async () => {
    const machine = createMachine()
    const { home, project } = machine
    const client = {
      id: 'x',
      name: 'X',
      sources: ['-'],
      files: [{ base: 'system', path: '../proc/self/mem', format: 'json', at: [['mcpServers']] }],
    } as const
    const report = await machine.inventory({
      roots: { platform: 'linux', home, projects: [project], system: '/', environment: {} },
      clients: [client],
    })
    expect(report.problems.map(({ problem }) => problem)).toEqual(['can not be read with the rights of this user'])
  })

  test('a folder of plugins that is wider and deeper than is looked at, with a link in a circle', async () => {
    const machine = createMachine()
    const cache = '.claude/plugins/cache'
    machine.write('home', `${cache}/${'deep/'.repeat(9)}.mcp.json`, '{}')
    for (let at = 0; at < 600; at++) machine.write('home', `${cache}/p${at}/.mcp.json`, `{"s${at}":{"command":"x"}}`)
    symlinkSync('..', join(machine.home, cache, 'circle'))
    const report = await machine.inventory()
    expect(report.problems.map(({ problem }) => problem)).toEqual(['more files than are looked at'])
    expect(report.servers).toHaveLength(500)
  })

  test('more servers than anybody has', async () => {
    const machine = createMachine()
    const servers = Object.fromEntries(Array.from({ length: 700 }, (_, at) => [`s${at}`, { command: 'x' }]))
    machine.write('home', '.cursor/mcp.json', JSON.stringify({ mcpServers: servers }))
    const report = await machine.inventory()
    expect(report.problems.map(({ problem }) => problem)).toEqual(['more servers than are looked at'])
    expect(report.servers).toHaveLength(500)
  })
})

describe('whatever stands in a file', () => {
  test.each([
    ['no map', '{"mcpServers": 7}', []],
    ['null', 'null', []],
    ['a list of nothing', '{"mcpServers": [null, 1, "x", []]}', ['#1', '#2', '#3', '#4']],
    [
      'entries of other types',
      '{"mcpServers": {"a": null, "b": [], "c": "x", "d": {}, "e": {"command": {}}, "f": {"url": 3}}}',
      ['a', 'b', 'c', 'd', 'e', 'f'],
    ],
  ])('%s: nothing is thrown, and what is unreadable is named', async (_title, text, names) => {
    const machine = createMachine()
    machine.write('home', '.cursor/mcp.json', text)
    const report = await machine.inventory()
    expect(report.servers).toEqual([])
    expect(report.findings.map(({ code, detail }) => [code, detail])).toEqual(
      names.map((name) => ['inventory.unreadable-entry', name]),
    )
  })

  test('names that mean something to JavaScript are names', async () => {
    const machine = createMachine()
    machine.write(
      'home',
      '.cursor/mcp.json',
      '{"mcpServers":{"__proto__":{"command":"a"},"constructor":{"command":"b"},"toString":{"command":"c","env":{"__proto__":"x"}}}}',
    )
    const report = await machine.inventory()
    expect(report.servers.map(({ name, target }) => [name, target])).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['toString', 'c'],
    ])
    expect(Object.prototype).not.toHaveProperty('command')
  })

  test('escape sequences, direction marks and line breaks are spelled out in every format', async () => {
    const machine = createMachine()
    const evil = 'a\u001b]8;;https://evil.example\u0007\u009b31m\u202egnp\u200b\n\r\u2028b'
    machine.write(
      'home',
      '.cursor/mcp.json',
      JSON.stringify({ mcpServers: { [evil]: { command: evil, args: [evil], env: { [evil]: evil } } } }),
    )
    const report = await machine.inventory()
    for (const text of [JSON.stringify(report), toTable([report]), toHtml([report])]) {
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u2028\u202e]/)
      expect(text).toContain('u{1b}')
    }
    expect(report.servers[0]?.name).toContain('\\u{202e}')
    expect(report.servers[0]?.name).not.toContain('\n')
  })

  test('nothing in it is run, expanded or fetched', async () => {
    const machine = createMachine()
    const mark = join(machine.root, 'was-run')
    machine.write(
      'home',
      '.cursor/mcp.json',
      JSON.stringify({
        mcpServers: {
          a: { command: `$(touch ${mark})`, args: [`\`touch ${mark}\``] },
          b: { command: 'touch', args: [mark] },
        },
      }),
    )
    machine.write('home', '.config/goose/config.yaml', `extensions:\n  a:\n    cmd: touch\n    args: [${mark}]\n`)
    const report = await machine.inventory()
    expect(report.servers).toHaveLength(3)
    expect(() => execFileSync('ls', [mark], { stdio: 'ignore' })).toThrow()
  })

  test('a secret is in no format, wherever in the entry it lies', async () => {
    const machine = createMachine()
    machine.write(
      'home',
      '.cursor/mcp.json',
      JSON.stringify({
        mcpServers: {
          [`a ${SECRET}`]: {
            command: 'npx',
            args: ['-y', 'x', '--password', SECRET, `--url=https://h.example/?k=${SECRET}`, `"${SECRET}"`],
            env: { DB_PASSWORD: SECRET },
            headers: { [`X-${SECRET}`]: 'v' },
          },
        },
      }),
    )
    const report = await machine.inventory()
    for (const text of [JSON.stringify(report), toTable([report]), toHtml([report])]) expect(text).not.toContain(SECRET)
    expect(report.servers[0]?.secrets.map(({ place, name }) => `${place} ${name}`)).toEqual(
      expect.arrayContaining(['environment DB_PASSWORD', 'argument 4']),
    )
  })
})

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { KNOWN_CLIENTS } from '#inventory/clients/known-clients.ts'
import type { InventoryReport } from '#inventory/inventory-report.ts'
import { HOME_LAYOUTS, MACHINE_LAYOUTS, PROJECT_LAYOUTS } from './layouts.ts'
import { createMachine } from './machine.ts'

const PLATFORMS = ['linux', 'macos', 'windows'] as const
const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')

const rows = (layouts: typeof HOME_LAYOUTS) =>
  layouts.flatMap(([client, name, ...paths]) =>
    PLATFORMS.flatMap((platform, at) => {
      const path = paths[at]
      return path === null || path === undefined ? [] : [{ client, name, platform, path }]
    }),
  )

/** Every fixture holds the same two servers in the words of its client, and no secret. */
function expectTheTwo(report: InventoryReport, client: string): void {
  expect(report.problems).toEqual([])
  expect(report.clients.map(({ id }) => id)).toEqual([client])
  expect(
    report.servers.map(({ id, transport, target, package: used, secrets, isEnabled }) => ({
      id,
      transport,
      target,
      used,
      secrets,
      isEnabled,
    })),
  ).toEqual([
    {
      id: `${client}/files`,
      transport: 'stdio',
      target: expect.stringMatching(/^npx -y @modelcontextprotocol\/server-filesystem@2026\.7\.10 /),
      used: { ecosystem: 'npm', name: '@modelcontextprotocol/server-filesystem', version: '2026.7.10', pin: 'exact' },
      secrets: [],
      isEnabled: true,
    },
    {
      id: `${client}/tracker`,
      transport: 'http',
      target: 'https://tracker.example/mcp',
      used: null,
      secrets: [],
      isEnabled: true,
    },
  ])
  expect(report.findings).toEqual([])
  for (const { line } of report.servers) expect(line).toBeGreaterThan(0)
}

test.each(rows(HOME_LAYOUTS))(
  '$client on $platform keeps its servers in ~/$path',
  async ({ client, name, platform, path }) => {
    const machine = createMachine()
    machine.write('home', path, fixture(name))
    const report = await machine.inventory({ platform })
    expectTheTwo(report, client)
    expect(report.clients[0]?.files).toEqual([`~/${path}`])
  },
)

test.each(PROJECT_LAYOUTS)('%s keeps servers of a project (%s) in %s', async (client, name, path) => {
  for (const platform of PLATFORMS) {
    const machine = createMachine()
    machine.write('project', path, fixture(name))
    const report = await machine.inventory({ platform })
    expectTheTwo(report, client)
    expect(report.clients[0]?.files).toEqual([path])
  }
})

test.each(rows(MACHINE_LAYOUTS))(
  '$client on $platform keeps servers of everybody in $path',
  async ({ client, name, platform, path }) => {
    const machine = createMachine()
    machine.write('root', path, fixture(name))
    const report = await machine.inventory({ platform })
    expectTheTwo(report, client)
    expect(report.clients[0]?.files).toEqual([`${machine.root}/${path}`])
  },
)

test('at least twenty clients are known, each with a source and a row in the layouts of every platform it runs on', () => {
  expect(KNOWN_CLIENTS.length).toBeGreaterThanOrEqual(20)
  expect(new Set(KNOWN_CLIENTS.map(({ id }) => id)).size).toBe(KNOWN_CLIENTS.length)
  for (const { id, sources } of KNOWN_CLIENTS) {
    expect(sources.length, id).toBeGreaterThan(0)
    expect(
      HOME_LAYOUTS.some(([client]) => client === id),
      id,
    ).toBe(true)
  }
})

test('a file of another platform is not taken for one of this', async () => {
  const machine = createMachine()
  machine.write('home', 'Library/Application Support/Claude/claude_desktop_config.json', fixture('claude-desktop.json'))
  machine.write('home', '.boltai/mcp.json', fixture('boltai.json'))
  expect((await machine.inventory({ platform: 'linux' })).servers).toEqual([])
})

test.each([
  ['XDG_CONFIG_HOME', 'linux', 'moved/Claude/claude_desktop_config.json', 'claude-desktop', 'claude-desktop.json'],
  ['APPDATA', 'windows', 'moved/Claude/claude_desktop_config.json', 'claude-desktop', 'claude-desktop.json'],
  ['LOCALAPPDATA', 'windows', 'moved/crush/crush.json', 'crush', 'crush.json'],
  ['CODEX_HOME', 'linux', 'moved/config.toml', 'codex', 'codex.toml'],
  ['CLAUDE_CONFIG_DIR', 'macos', 'moved/.claude.json', 'claude-code', 'claude-code.json'],
  ['COPILOT_HOME', 'linux', 'moved/mcp-config.json', 'copilot-cli', 'copilot-cli.json'],
  ['CLINE_DIR', 'linux', 'moved/data/settings/cline_mcp_settings.json', 'cline', 'cline.json'],
  ['LIBRECHAT_CONFIG_DIR', 'linux', 'moved/LibreChat/librechat.yaml', 'librechat', 'librechat.yaml'],
] as const)('%s moves the folder on %s', async (variable, platform, path, client, name) => {
  const machine = createMachine()
  machine.write('root', path, fixture(name))
  const { home, project, root } = machine
  const roots = { platform, home, projects: [project], system: root, environment: { [variable]: `${root}/moved` } }
  expectTheTwo(await machine.inventory({ roots }), client)
})

test('plugins of Claude Code are found however deep, their files being servers alone or not', async () => {
  const machine = createMachine()
  machine.write('home', '.claude/plugins/cache/team/notes/1.0/.mcp.json', '{"files":{"command":"notes-server"}}')
  machine.write('home', '.claude/plugins/cache/other/.mcp.json', '{"mcpServers":{"more":{"command":"more-server"}}}')
  machine.write('home', '.claude/plugins/cache/other/package.json', '{"mcpServers":{"no":{"command":"no"}}}')
  const { servers } = await machine.inventory()
  expect(servers.map(({ id }) => id)).toEqual(['claude-code/more', 'claude-code/files'])
})

test.each([
  ['settings.json, nested', '{"mcp":{"servers":{"a":{"command":"x"}}}}', ['vscode/a']],
  ['settings.json, dotted', '{"mcp.servers":{"a":{"command":"x"}}}', ['vscode/a']],
  ['settings.json of Augment', '{"augment.advanced":{"mcpServers":[{"name":"a","command":"x"}]}}', ['augment/a']],
])('VS Code: %s', async (_title, text, ids) => {
  const machine = createMachine()
  machine.write('home', '.config/Code/User/settings.json', text)
  expect((await machine.inventory()).servers.map(({ id }) => id)).toEqual(ids)
})

test.each([
  [
    'Zed, command as an object',
    '.config/zed/settings.json',
    '{"context_servers":{"a":{"command":{"path":"npx","args":["x@1.0.0"],"env":{"K":"v"}}}}}',
    'npx x@1.0.0',
  ],
  [
    'Continue, transport as an object',
    '.continue/config.json',
    '{"experimental":{"modelContextProtocolServers":[{"transport":{"type":"stdio","command":"npx","args":["x@1.0.0"]}}]}}',
    'npx x@1.0.0',
  ],
  [
    '5ire, the list',
    '.config/5ire/mcp.json',
    '{"servers":[{"key":"a","command":"npx","args":["x@1.0.0"]}]}',
    'npx x@1.0.0',
  ],
])('older forms are read: %s', async (_title, path, text, target) => {
  const machine = createMachine()
  machine.write('home', path, text)
  expect((await machine.inventory()).servers.map((server) => server.target)).toEqual([target])
})

test('a server that is turned off is listed as such', async () => {
  const machine = createMachine()
  machine.write(
    'home',
    '.cursor/mcp.json',
    '{"mcpServers":{"a":{"command":"x","disabled":true},"b":{"command":"x","enabled":false},"c":{"command":"x","isActive":false},"d":{"command":"x"}}}',
  )
  expect((await machine.inventory()).servers.map(({ isEnabled }) => isEnabled)).toEqual([false, false, false, true])
})

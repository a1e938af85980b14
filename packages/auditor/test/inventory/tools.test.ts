import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { callServer } from '#inventory/call-server.ts'
import type { ConfiguredServer } from '#inventory/configured-server.ts'
import { judgeTool } from '#inventory/judge-tool.ts'
import { listTools } from '#inventory/list-tools.ts'
import { startServer } from '#inventory/start-server.ts'
import { createMachine } from './machine.ts'

const SERVER = fileURLToPath(new URL('servers/stdio.mjs', import.meta.url))
const entry = (mode: string, file?: string, rest: object = {}) => ({
  command: process.execPath,
  args: [SERVER, mode, ...(file === undefined ? [] : [file])],
  ...rest,
})
const configured = (mode: string, file?: string): ConfiguredServer => ({
  name: 'a',
  transport: 'stdio',
  url: null,
  headers: {},
  environment: {},
  isEnabled: true,
  approvedTools: [],
  otherTexts: [],
  ...entry(mode, file),
})
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('sallyport-inventory-'))

describe('starting servers', () => {
  test('nothing is started that was not asked for, and nothing that is off', async () => {
    const machine = createMachine()
    const file = join(machine.root, 'started')
    machine.write(
      'home',
      '.cursor/mcp.json',
      JSON.stringify({ mcpServers: { a: entry('good', file), b: entry('good', file, { disabled: true }) } }),
    )
    const report = await machine.inventory()
    expect(report.servers.map(({ tools }) => tools)).toEqual([{ kind: 'notAsked' }, { kind: 'notAsked' }])
    await machine.inventory({ asks: ({ id }) => id === 'cursor/b' })
    expect(existsSync(file)).toBe(false)
  })

  test('a started server is asked for its tools, gets few variables, an empty folder, and is gone afterwards', async () => {
    const machine = createMachine()
    const file = join(machine.root, 'started')
    const before = folders()
    machine.write(
      'home',
      '.cursor/mcp.json',
      JSON.stringify({ mcpServers: { a: entry('good', file, { env: { OWN: 'yes' } }) } }),
    )
    vi.stubEnv('SALLYPORT_TEST_SECRET', 'must-not-be-passed')
    const report = await machine.inventory({ asks: () => true, environment: process.env })
    vi.unstubAllEnvs()
    expect(report.servers[0]?.tools).toMatchObject({
      kind: 'listed',
      isComplete: true,
      tools: [
        {
          name: 'list_notes',
          toolClass: 'read',
          risk: 'low',
          parameters: 1,
          boundedParameters: 1,
          confirmation: 'client',
          outputSecrets: null,
        },
        {
          name: 'delete_note',
          toolClass: 'destructive',
          risk: 'privileged',
          parameters: 1,
          boundedParameters: 0,
          confirmation: 'client',
        },
      ],
    })
    const started = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; cwd: string; env: Record<string, string> }
    expect(started.env['OWN']).toBe('yes')
    expect(JSON.stringify(started.env)).not.toContain('must-not-be-passed')
    expect(started.cwd).toContain('sallyport-inventory-')
    expect(isAlive(started.pid)).toBe(false)
    expect(folders()).toEqual(before)
    expect(existsSync(`${file}.called`)).toBe(false)
  })

  test('a server of the stateless revision is asked in its own way', async () => {
    const connection = await startServer(configured('modern'), process.env)
    try {
      expect((await listTools(connection)).tools.map(({ name }) => name)).toEqual(['list_notes', 'delete_note'])
    } finally {
      await connection.close()
    }
  })

  test('logs between the messages, answers to nobody and requests of the server change nothing', async () => {
    const connection = await startServer(configured('noisy'), process.env)
    try {
      expect((await listTools(connection)).tools.map(({ name }) => name)).toEqual(['list_notes', 'delete_note'])
    } finally {
      await connection.close()
    }
  })

  test('pages without end are left after fifty', async () => {
    const connection = await startServer(configured('endless'), process.env)
    try {
      const { tools, isComplete } = await listTools(connection)
      expect([tools.length, isComplete]).toEqual([50, false])
    } finally {
      await connection.close()
    }
  })

  test.each([
    ['exit', 'it ended before it answered'],
    ['nothing', 'tools/list was answered without tools'],
    ['flood', 'it wrote more than 100000 bytes'],
    ['flood-errors', 'it wrote more than 100000 bytes'],
    ['silent', 'it took longer than 2 s'],
    ['stubborn', 'it took longer than 2 s'],
  ])('a server that does not play along (%s) is given up, and ended', async (mode, reason) => {
    const machine = createMachine()
    const file = join(machine.root, 'started')
    const limits = { visitMs: 2_000, outputBytesMax: 100_000, graceMs: 200 }
    const connection = await startServer(configured(mode, file), process.env, limits)
    await expect(listTools(connection)).rejects.toThrow(reason)
    await connection.close()
    expect(isAlive((JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid)).toBe(false)
  })

  test('what a server started itself ends with it', async () => {
    const machine = createMachine()
    const file = join(machine.root, 'started')
    const connection = await startServer(configured('parent', file), process.env)
    await listTools(connection)
    const child = Number(readFileSync(`${file}.child`, 'utf8'))
    expect(isAlive(child)).toBe(true)
    await connection.close()
    await vi.waitFor(() => expect(isAlive(child)).toBe(false), { timeout: 10_000 })
  })

  test.each([
    ['a command that does not exist', '/nowhere/at/all'],
    ['a command that no system can start', 'a\u0000b'],
  ])('%s is a line in the report', async (_title, command) => {
    const machine = createMachine()
    machine.write('home', '.cursor/mcp.json', JSON.stringify({ mcpServers: { a: { command } } }))
    const report = await machine.inventory({ asks: () => true })
    expect(report.servers[0]?.tools).toEqual({ kind: 'failed', reason: 'the command could not be started' })
  })

  test('a command is no line for a shell', async () => {
    const machine = createMachine()
    const mark = join(machine.root, 'was-run')
    machine.write(
      'home',
      '.cursor/mcp.json',
      JSON.stringify({
        mcpServers: { a: { command: `touch ${mark}` }, b: { command: 'true', args: [`; touch ${mark}`] } },
      }),
    )
    await machine.inventory({ asks: () => true })
    expect(existsSync(mark)).toBe(false)
  })
})

describe('safe calls', () => {
  test('only the tool that the user named is called, with the arguments that were given; its secrets are kinds and hashes', async () => {
    const machine = createMachine()
    const file = join(machine.root, 'started')
    machine.write('home', '.cursor/mcp.json', JSON.stringify({ mcpServers: { a: entry('good', file) } }))
    const safeCalls = [{ server: 'cursor/a', tool: 'list_notes', arguments: { limit: 1 } }]
    const report = await machine.inventory({ asks: () => true, safeCalls })
    expect(JSON.parse(readFileSync(`${file}.called`, 'utf8'))).toEqual({ name: 'list_notes', arguments: { limit: 1 } })
    const { tools } = report.servers[0] ?? {}
    expect(tools?.kind === 'listed' && tools.tools.map(({ outputSecrets }) => outputSecrets)).toEqual([
      [{ kind: 'password', hash: expect.stringMatching(/^sha256:[0-9a-f]{8}$/) }],
      null,
    ])
    expect(
      report.findings.filter(({ code }) => code === 'inventory.output-leaks-secret').map(({ subject }) => subject),
    ).toEqual([{ kind: 'tool', server: 'cursor/a', tool: 'list_notes' }])
    expect(JSON.stringify(report)).not.toContain('hunter2')
  })

  test('a call that is meant for another server is not made', async () => {
    const machine = createMachine()
    const file = join(machine.root, 'started')
    machine.write('home', '.cursor/mcp.json', JSON.stringify({ mcpServers: { a: entry('good', file) } }))
    await machine.inventory({
      asks: () => true,
      safeCalls: [{ server: 'cursor/b', tool: 'list_notes', arguments: {} }],
    })
    expect(existsSync(`${file}.called`)).toBe(false)
  })
})

const listening: Server[] = []
afterEach(async () => {
  for (const server of listening.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  listening.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}
const bodyOf = async (request: AsyncIterable<Uint8Array>): Promise<Record<string, unknown>> => {
  let text = ''
  for await (const chunk of request) text += Buffer.from(chunk).toString('utf8')
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

describe('servers by URL', () => {
  test('are asked over streamable HTTP, with the headers of their entry and nothing else of ours', async () => {
    const seen: { method: string | undefined; headers: Record<string, unknown>; body: Record<string, unknown> }[] = []
    const url = await serve((request, response) => {
      void bodyOf(request).then((body) => {
        seen.push({ method: request.method, headers: request.headers, body })
        if (body['id'] === undefined) return void response.writeHead(202).end()
        const result =
          body['method'] === 'initialize'
            ? { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 'x', version: '1' } }
            : { tools: [{ name: 'send_mail', inputSchema: { properties: { to: {} } } }] }
        response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 's1' })
        response.write(': hello\n\nevent: message\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\n')
        // The stream stays open: what came is enough.
        response.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: body['id'], result })}\n\n`)
      })
    })
    const machine = createMachine()
    machine.write(
      'home',
      '.cursor/mcp.json',
      JSON.stringify({ mcpServers: { a: { url, headers: { 'X-Team': 'notes' } } } }),
    )
    const report = await machine.inventory({ asks: () => true })
    expect(report.servers[0]?.tools).toMatchObject({
      kind: 'listed',
      tools: [{ name: 'send_mail', toolClass: 'send', risk: 'standard' }],
    })
    expect(seen.map(({ method, body }) => `${method} ${String(body['method'])}`)).toEqual([
      'POST initialize',
      'POST notifications/initialized',
      'POST tools/list',
      'DELETE undefined',
    ])
    expect(seen.every(({ headers }) => headers['x-team'] === 'notes')).toBe(true)
    expect(seen[2]?.headers['mcp-protocol-version']).toBe('2025-06-18')
    expect(seen[2]?.headers['mcp-session-id']).toBe('s1')
    expect(report.findings.map(({ code }) => code)).toEqual(['inventory.tool-unconstrained'])
  })

  test('of the stateless revision repeat method and revision in headers', async () => {
    const seen: Record<string, unknown>[] = []
    const url = await serve((request, response) => {
      void bodyOf(request).then((body) => {
        seen.push(request.headers)
        const isList = body['method'] === 'tools/list'
        response.writeHead(isList ? 200 : 404, { 'content-type': 'application/json' })
        response.end(
          JSON.stringify({
            jsonrpc: '2.0',
            id: body['id'],
            ...(isList
              ? { result: { resultType: 'complete', tools: [] } }
              : { error: { code: -32601, message: 'no' } }),
          }),
        )
      })
    })
    const { tools } = await listTools(callServer(url, {}))
    expect(tools).toEqual([])
    expect(seen[1]).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' })
  })

  test('a URL of the command line is asked without a configuration', async () => {
    const url = await serve((request, response) => {
      void bodyOf(request).then((body) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ jsonrpc: '2.0', id: body['id'], result: { tools: [] } }))
      })
    })
    const report = await createMachine().inventory({ urls: [url] })
    expect(report.servers).toMatchObject([{ client: 'url', target: url, tools: { kind: 'listed', tools: [] } }])
  })

  test.each<[string, RequestListener, string]>([
    [
      'redirects',
      (_, response) => response.writeHead(307, { location: 'https://evil.example/' }).end(),
      'it redirects elsewhere',
    ],
    ['wants a login', (_, response) => response.writeHead(401).end(), 'it answered 401'],
    [
      'answers HTML',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<script>'),
      'it answered 200 without a result',
    ],
    [
      'answers without end',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        const write = (): void => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
          response.once('drain', write)
        }
        write()
      },
      'it answered more than 100000 bytes',
    ],
    [
      'breaks off',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.write('{')
        setTimeout(() => response.destroy(), 10)
      },
      'its answer broke off',
    ],
    [
      'drips',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        const drip = setInterval(() => response.write(': x\n\n'), 20)
        response.on('close', () => clearInterval(drip))
      },
      'its answer broke off',
    ],
    ['never answers', () => {}, 'it could not be reached'],
  ])('one that %s is given up with its reason', async (_title, listener, reason) => {
    const url = await serve(listener)
    const connection = callServer(url, {}, { requestMs: 1_000, answerBytesMax: 100_000 })
    await expect(listTools(connection)).rejects.toThrow(reason)
  })

  test('one that can not be reached is a line in the report', async () => {
    const machine = createMachine()
    machine.write(
      'home',
      '.cursor/mcp.json',
      '{"mcpServers":{"a":{"url":"http://127.0.0.1:9/"},"b":{"url":"file:///etc/passwd"}}}',
    )
    const report = await machine.inventory({ asks: () => true })
    expect(report.servers.map(({ tools }) => tools)).toEqual([
      { kind: 'failed', reason: 'it could not be reached' },
      { kind: 'failed', reason: 'its URL is not http(s)' },
    ])
  })
})

describe('what a tool is told', () => {
  const codes = (tool: Parameters<typeof judgeTool>[0], approved: readonly string[] | 'all' = []) =>
    judgeTool(tool, approved, null).remarks.map(({ code }) => code.replace('inventory.', ''))

  test.each<[string, Parameters<typeof judgeTool>[0], readonly string[] | 'all', string[]]>([
    ['deletes, unannotated: the client asks', { name: 'delete_note' }, [], []],
    ['deletes and is approved', { name: 'delete_note' }, ['delete_note'], ['destructive-without-confirmation']],
    ['deletes where all is approved', { name: 'delete_note' }, 'all', ['destructive-without-confirmation']],
    ['another tool is approved', { name: 'delete_note' }, ['list_notes'], []],
    [
      'deletes and says that it does not',
      { name: 'delete_note', annotations: { destructiveHint: false } },
      [],
      ['destructive-without-confirmation'],
    ],
    [
      'deletes and says that it only reads',
      { name: 'delete_note', annotations: { readOnlyHint: true } },
      [],
      ['destructive-without-confirmation', 'annotation-contradicts'],
    ],
    ['reads and is approved', { name: 'list_notes', annotations: { readOnlyHint: true } }, 'all', []],
    [
      'deletes after a parameter that confirms',
      { name: 'delete_note', inputSchema: { properties: { confirm: { type: 'boolean' } }, required: ['confirm'] } },
      'all',
      [],
    ],
    [
      'deletes with a confirmation that may be left out',
      { name: 'delete_note', inputSchema: { properties: { confirm: { type: 'boolean' } } } },
      'all',
      ['destructive-without-confirmation'],
    ],
    [
      'pays',
      { name: 'create_payment', annotations: { destructiveHint: false } },
      [],
      ['destructive-without-confirmation'],
    ],
    [
      'writes anything',
      { name: 'create_note', inputSchema: { properties: { text: { type: 'string' } } } },
      [],
      ['tool-unconstrained'],
    ],
    [
      'writes something bounded',
      { name: 'create_note', inputSchema: { properties: { text: { type: 'string', maxLength: 100 }, more: {} } } },
      [],
      [],
    ],
    ['reads anything', { name: 'list_notes', inputSchema: { properties: { text: { type: 'string' } } } }, [], []],
  ])('%s', (_title, tool, approved, expected) => {
    expect(codes(tool, approved)).toEqual(expected)
  })

  test('a schema or name of a liar is text', () => {
    for (const inputSchema of [null, 7, [], 'x', { properties: [] }, { properties: { a: null }, required: 'a' }])
      expect(judgeTool({ name: 'x\u001b[2J', inputSchema }, [], null).tool.name).toBe('x\\u{1b}[2J')
  })
})

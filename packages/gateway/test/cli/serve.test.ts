import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createTestCli, type TestCli } from '../support/cli.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

let cli: TestCli
let child: ChildProcess | null
beforeEach(() => {
  cli = createTestCli()
  child = null
  writeFileSync(join(cli.folder, 'sallyport.yaml'), configuration('files'))
})
afterEach(() => {
  child?.kill('SIGKILL')
  cli.remove()
})

const configuration = (id: string) => `version: 1\nservers:\n  ${id}:\n    stdio: { command: node }\n`

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function serve(...argv: string[]): Running {
  return start([], argv)
}

interface Running {
  out(): string
  err(): string
  readonly exit: Promise<number | null>
}

function start(node: readonly string[], argv: readonly string[]): Running {
  const started = spawn(process.execPath, ['--conditions=sallyport-source', ...node, MAIN, 'serve', ...argv], {
    cwd: cli.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = started
  let [out, err] = ['', '']
  started.stdout.on('data', (chunk) => {
    out += chunk
  })
  started.stderr.on('data', (chunk) => {
    err += chunk
  })
  return { out: () => out, err: () => err, exit: once(started, 'exit').then(([code]) => code) }
}

it('says how to connect, answers the other commands, reloads on SIGHUP and ends on Ctrl-C', async () => {
  const port = await freePort()
  const running = serve('--port', String(port))
  await vi.waitFor(() => expect(running.out()).toContain('Inspector'), { timeout: 20_000 })
  const url = `http://127.0.0.1:${port}/mcp/files`
  for (const line of [
    `Sallyport is running at http://127.0.0.1:${port} `,
    `http://127.0.0.1:${port}/setup?token=`,
    'works once, for 60 minutes',
    `claude mcp add --transport http files ${url}\n`,
    'claude mcp login files\n',
    `codex mcp add files --url ${url}\n`,
    `{"mcpServers":{"files":{"url":"${url}"}}}\n`,
    `code --add-mcp '{"name":"files","type":"http","url":"${url}"}'\n`,
    `npx mcp-remote@0.15.1 ${url} --allow-http\n`,
    `npx @modelcontextprotocol/inspector@2.12.0 --cli --server-url ${url} `,
  ])
    expect(running.out()).toContain(line)
  expect(await cli.run(['user', 'add', 'ada', '--role', 'operator'])).toMatchObject({ code: 0 })
  expect((await cli.run(['user', 'list'])).out).toContain('ada')
  expect(await cli.run(['log', 'verify'])).toMatchObject({ code: 0 })
  const second = await cli.run(['serve', '--port', String(port)])
  expect(second).toMatchObject({
    code: 3,
    err: expect.stringContaining('already runs on this state folder. Stop it first'),
  })

  writeFileSync(join(cli.folder, 'sallyport.yaml'), configuration('other'))
  child?.kill('SIGHUP')
  await vi.waitFor(
    async () => {
      const shown = await cli.run(['log', 'show', '--activity', 'config.applied', '--json'])
      expect(JSON.parse(shown.out)).toHaveLength(2)
    },
    { timeout: 20_000 },
  )

  child?.kill('SIGINT')
  expect(await running.exit).toBe(0)
  expect(running.out()).toMatch(/Stopping\.\n$/)
  expect(existsSync(join(cli.folder, 'var', 'sallyport.sock'))).toBe(false)
})

it('says when the port is taken', async () => {
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const running = serve('--port', String(port))
  expect(await running.exit).toBe(3)
  expect(running.err()).toContain('The port is taken. Choose another with --port')
  taken.close()
})

it('prints JSON for scripts', async () => {
  const port = await freePort()
  const running = serve('--port', String(port), '--json')
  await vi.waitFor(() => expect(JSON.parse(running.out())).toBeTypeOf('object'), { timeout: 20_000 })
  expect(JSON.parse(running.out())).toMatchObject({
    publicUrl: `http://127.0.0.1:${port}`,
    setupLink: expect.stringContaining('/setup?token='),
    servers: [{ id: 'files', title: 'files', url: `http://127.0.0.1:${port}/mcp/files` }],
  })
  child?.kill('SIGTERM')
  expect(await running.exit).toBe(0)
})

it('SIGTERM twice, as a service manager and our own shim may send it, still closes in order', async () => {
  const running = serve('--port', String(await freePort()))
  await vi.waitFor(() => expect(running.out()).toContain('Inspector'), { timeout: 20_000 })
  // As soon as it says that it stops, and again and again while it does.
  child?.stdout?.on('data', () => {
    if (running.out().includes('Stopping.')) for (let time = 0; time < 5; time += 1) child?.kill('SIGTERM')
  })
  child?.kill('SIGTERM')
  expect(await running.exit).toBe(0)
  expect(running.out()).toContain('Stopping.')
  expect(running.err()).not.toContain('Not waiting')
}, 30_000)

/** Ends the store's thread at SIGUSR2, as a bug in it would. */
const STORE_DIES = `import threads from 'node:worker_threads'
import { syncBuiltinESMExports } from 'node:module'
const { Worker } = threads
threads.Worker = class extends Worker {
  constructor(...args) {
    super(...args)
    process.once('SIGUSR2', () => this.terminate())
  }
}
syncBuiltinESMExports()`

it('ends with exit code 3 when the store is gone, instead of refusing everything and looking alive', async () => {
  const port = await freePort()
  const preload = `data:text/javascript,${encodeURIComponent(STORE_DIES)}`
  const running = start(['--import', preload], ['--port', String(port)])
  await vi.waitFor(() => expect(running.out()).toContain('Inspector'), { timeout: 20_000 })
  child?.kill('SIGUSR2')
  expect(await running.exit).toBe(3)
  expect(running.err()).toContain('The store is gone')
  expect(running.out()).not.toContain('Stopping.')
})

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startFixture } from '../../conformance/fixture-process.ts'
import { driveSdkV1, type Target } from '../../e2e/support/drive-sdk-v1.ts'
import { driveSdkV2 } from '../../e2e/support/drive-sdk-v2.ts'
import { clientBin, clientEnvironment } from '../../e2e/support/real-client.ts'
import { type RecordingHead, type StdioEvent, writeRecording } from '../recording.ts'
import { openHttpTap } from './http-tap.ts'
import {
  EVERYTHING,
  EVERYTHING_CANCELLED,
  FILES,
  FIXTURE_LEGACY,
  FIXTURE_MODERN,
  FIXTURE_MODERN_STDIO,
  MEMORY,
  NOTES,
  NOTES_CANCELLED,
} from './steps.ts'

/**
 * `node packages/gateway/test/corpus/record/main.ts [NAME...]`: makes the recordings again, all or those named, by letting real clients
 * talk to real servers directly, with a tap between them. Needs `npm run build`, and `npm ci` in `test/e2e` and `test/conformance`.
 */
const wanted = new Set(process.argv.slice(2))
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const ROOT = path('../../../../../')
const TAP = path('stdio-tap.ts')
/** The same on every machine, because the filesystem server says where it is. */
const FILES_FOLDER = '/tmp/sallyport-corpus'

/** W3C Trace Context and Baggage, as an agent that is traced would send them. */
const TRACE = [
  'traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'tracestate=vendor=value',
  'baggage=user=ada',
]

interface Server {
  readonly name: string
  start(): Promise<{ readonly url: string; stop(): Promise<void> }>
}

const NOTES_SERVER: Server = {
  name: 'examples/notes-server',
  start: async () => {
    const main = join(ROOT, 'examples/notes-server/dist/main.js')
    const child = spawn(process.execPath, [main, '--exit-with-parent'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const [line] = await once(createInterface(child.stdout), 'line')
    return {
      url: String(line).slice('notes: '.length),
      stop: async () => {
        child.kill('SIGTERM')
        await once(child, 'exit')
      },
    }
  },
}
const FIXTURE: Server = { name: 'test/conformance/fixture', start: startFixture }

const SDK_V1 = '@modelcontextprotocol/sdk 1.32.2'
const SDK_V2 = '@modelcontextprotocol/client 2.4.0'
const INSPECTOR = '@modelcontextprotocol/inspector 2.12.0'
const MCP_REMOTE = 'mcp-remote 0.15.1'

await overHttp('sdk-v1-fixture', FIXTURE, SDK_V1, '2025-11-25', (url) => driveSdkV1(url, FIXTURE_LEGACY))
await overHttp('sdk-v1-notes', NOTES_SERVER, SDK_V1, '2025-11-25', (url) => driveSdkV1(url, NOTES))
for (const revision of ['2025-11-25', '2025-06-18', '2025-03-26']) {
  await overHttp(`sdk-v2-fixture-${revision}`, FIXTURE, SDK_V2, revision, (url) =>
    driveSdkV2(url, revision, FIXTURE_LEGACY),
  )
}
await overHttp('sdk-v2-notes-2025-06-18', NOTES_SERVER, SDK_V2, '2025-06-18', (url) =>
  driveSdkV2(url, '2025-06-18', NOTES),
)
await overHttp('sdk-v1-notes-cancelled', NOTES_SERVER, SDK_V1, '2025-11-25', (url) => driveSdkV1(url, NOTES_CANCELLED))
await overHttp('sdk-v2-notes-cancelled-2025-11-25', NOTES_SERVER, SDK_V2, '2025-11-25', (url) =>
  driveSdkV2(url, '2025-11-25', NOTES_CANCELLED),
)
await overHttp('sdk-v2-fixture-2026-07-28', FIXTURE, SDK_V2, '2026-07-28', (url) =>
  driveSdkV2(url, '2026-07-28', FIXTURE_MODERN),
)
await overHttp('inspector-notes', NOTES_SERVER, INSPECTOR, '2025-11-25', async (url) => {
  await inspect(['--server-url', url, '--transport', 'http', '--method', 'tools/list'])
})
await overHttp('inspector-fixture-2026-07-28', FIXTURE, INSPECTOR, '2026-07-28', async (url) => {
  const server = ['--server-url', url, '--transport', 'http', '--protocol-era', 'modern']
  await inspect([...server, '--method', 'tools/list'])
  const call = ['--method', 'tools/call', '--tool-name', 'test_header_parameter']
  await inspect([...server, ...call, '--tool-arg', 'region=Zürich', '--metadata', ...TRACE])
  await inspect([...server, '--method', 'resources/read', '--uri', 'test://static-text'])
  await inspect([...server, '--method', 'prompts/get', '--prompt-name', 'test_simple_prompt'])
})
await overHttp('mcp-remote-notes', NOTES_SERVER, MCP_REMOTE, '2025-11-25', async (url) => {
  await withFolder(async (home) => {
    const env = clientEnvironment({ username: 'nobody', password: 'none' }, home)
    await driveSdkV1({ command: clientBin('mcp-remote'), args: [url, '--allow-http'], env }, NOTES)
  })
})

const published = (name: string, ...args: string[]): Target => ({
  command: process.execPath,
  args: [join(ROOT, `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`), ...args],
})
const FIXTURE_STDIO: Target = { command: process.execPath, args: [path('../../conformance/fixture/stdio.ts')] }
const EVERYTHING_SERVER = '@modelcontextprotocol/server-everything'
await overStdio('sdk-v1-everything', published('everything', 'stdio'), SDK_V1, EVERYTHING_SERVER, '2025-11-25', (it) =>
  driveSdkV1(it, EVERYTHING),
)
await overStdio('sdk-v2-everything', published('everything', 'stdio'), SDK_V2, EVERYTHING_SERVER, '2025-06-18', (it) =>
  driveSdkV2(it, '2025-06-18', EVERYTHING),
)
await overStdio(
  'sdk-v1-everything-cancelled',
  published('everything', 'stdio'),
  SDK_V1,
  EVERYTHING_SERVER,
  '2025-11-25',
  (it) => driveSdkV1(it, EVERYTHING_CANCELLED),
)
await overStdio(
  'sdk-v1-filesystem',
  published('filesystem', FILES_FOLDER),
  SDK_V1,
  '@modelcontextprotocol/server-filesystem',
  '2025-11-25',
  (it) => driveSdkV1(it, FILES),
)
await withFolder(async (home) => {
  const memory = published('memory')
  if (typeof memory === 'string') throw new Error('a process was expected')
  const env = { MEMORY_FILE_PATH: join(home, 'memory.jsonl') }
  await overStdio(
    'sdk-v1-memory',
    { ...memory, env },
    SDK_V1,
    '@modelcontextprotocol/server-memory',
    '2025-11-25',
    (it) => driveSdkV1(it, MEMORY),
  )
})
await overStdio(
  'inspector-everything',
  published('everything', 'stdio'),
  INSPECTOR,
  EVERYTHING_SERVER,
  '2025-11-25',
  (it) =>
    inspectProcess(it, [
      '--method',
      'tools/call',
      '--tool-name',
      'get-structured-content',
      '--tool-arg',
      'location=Chicago',
    ]),
)
await overStdio('sdk-v2-fixture-stdio-2026-07-28', FIXTURE_STDIO, SDK_V2, FIXTURE.name, '2026-07-28', (it) =>
  driveSdkV2(it, '2026-07-28', FIXTURE_MODERN_STDIO),
)

async function overHttp(
  name: string,
  server: Server,
  client: string,
  revision: string,
  drive: (url: string) => Promise<void>,
): Promise<void> {
  if (!isWanted(name)) return
  const { url, stop } = await server.start()
  const tap = await openHttpTap(url)
  await drive(tap.url)
  await tap.close()
  await stop()
  const head: RecordingHead = { format: 'sallyport-corpus/1', client, server: server.name, transport: 'http', revision }
  await writeRecording(name, { head: { ...head, transport: 'http' }, events: tap.events })
  process.stdout.write(`${name}: ${tap.events.length} events\n`)
}

async function overStdio(
  name: string,
  target: Target,
  client: string,
  server: string,
  revision: string,
  drive: (tapped: Target) => Promise<void>,
): Promise<void> {
  if (!isWanted(name) || typeof target === 'string') return
  await rm(FILES_FOLDER, { recursive: true, force: true })
  await mkdir(FILES_FOLDER)
  await withFolder(async (folder) => {
    const file = join(folder, 'lines')
    const args = [TAP, file, target.command, ...target.args]
    await drive({ command: process.execPath, args, ...(target.env === undefined ? {} : { env: target.env }) })
    const events = (await readFile(file, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as StdioEvent)
    const head: RecordingHead = { format: 'sallyport-corpus/1', client, server, transport: 'stdio', revision }
    await writeRecording(name, { head: { ...head, transport: 'stdio' }, events })
    process.stdout.write(`${name}: ${events.length} lines\n`)
  })
  await rm(FILES_FOLDER, { recursive: true, force: true })
}

async function inspect(args: readonly string[]): Promise<void> {
  await withFolder(async (home) => {
    const env = clientEnvironment({ username: 'nobody', password: 'none' }, home)
    await promisify(execFile)(clientBin('mcp-inspector'), ['--cli', ...args], { env, timeout: 60_000 })
  })
}

async function inspectProcess(target: Target, args: readonly string[]): Promise<void> {
  if (typeof target === 'string') throw new Error('a process was expected')
  await inspect([target.command, ...target.args, '--transport', 'stdio', ...args])
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-corpus-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function isWanted(name: string): boolean {
  return wanted.size === 0 || wanted.has(name)
}

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { loopbackCertificate } from '../mutants/reference/certificates.ts'
import { ACCOUNTS } from '../mutants/reference/site.ts'
import { request } from '../mutants/support/request.ts'
import { freePort } from './free-port.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const BIN = join(ROOT, 'packages/gateway/bin/sallyport.mjs')
const READY_MS = 20_000

export interface GatewayUnderAudit extends AsyncDisposable {
  readonly url: string
  readonly secondUrl: string
  /** PEM of the authority of its certificate; null without TLS. */
  readonly authority: string | null
}

interface GatewayOptions {
  /** The server behind `/mcp/notes`, in place of the example. */
  readonly notesUrl?: string
  /** More of the member `gateway` of the configuration. */
  readonly extra?: string
  readonly isTls?: boolean
}

/** The gateway of this repository as people run it: a process with a configuration, two servers behind it, two accounts. */
export async function startGateway({
  notesUrl,
  extra = '',
  isTls = false,
}: GatewayOptions = {}): Promise<GatewayUnderAudit> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-audited-'))
  const port = await freePort()
  const notes = notesUrl === undefined ? await startNotes() : null
  const certificate = isTls ? loopbackCertificate() : null
  const origin = `${isTls ? 'https' : 'http'}://127.0.0.1:${port}`
  const config = join(folder, 'sallyport.yaml')
  for (const [name, text] of [
    ['key.pem', certificate?.key],
    ['cert.pem', certificate?.cert],
  ] as const)
    if (text !== undefined) await writeFile(join(folder, name), text, { mode: 0o600 })
  const tls = isTls ? ', tls: { certificateFile: cert.pem, privateKeyFile: key.pem }' : ''
  await writeFile(config, configuration(origin, notesUrl ?? `http://127.0.0.1:${notes?.port}/mcp`, `${tls}${extra}`), {
    mode: 0o600,
  })
  const { NODE_OPTIONS: _options, VITEST: _vitest, NODE_ENV: _env, ...rest } = process.env
  const env = { ...rest, SALLYPORT_CONFIG: config, SALLYPORT_STATE_DIR: join(folder, 'var') }
  const child = spawn(process.execPath, [BIN, 'serve'], { env, stdio: 'ignore' })
  await untilReady(origin, child, certificate?.authority ?? null)
  for (const [name, password] of ACCOUNTS) {
    const file = join(folder, `${name}.password`)
    await writeFile(file, password, { mode: 0o600 })
    await promisify(execFile)(process.execPath, [BIN, 'user', 'add', name, '--password-file', file], { env })
  }
  return {
    url: `${origin}/mcp/notes`,
    secondUrl: `${origin}/mcp/memory`,
    authority: certificate?.authority ?? null,
    async [Symbol.asyncDispose]() {
      await Promise.all([end(child), notes === null ? null : end(notes.child)])
      await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

function configuration(origin: string, notesUrl: string, extra: string): string {
  const memory = join(ROOT, 'node_modules/@modelcontextprotocol/server-memory/dist/index.js')
  return `version: 1
gateway: { publicUrl: '${origin}'${extra} }
servers:
  notes: { title: Notes, http: { url: '${notesUrl}', network: loopback } }
  memory:
    title: Memory
    stdio: { command: node, args: ['${memory}'], env: { MEMORY_FILE_PATH: '\${userDir}/memory.json' } }
`
}

async function startNotes(): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const port = await freePort()
  const main = join(ROOT, 'examples/notes-server/dist/main.js')
  const child = spawn(process.execPath, [main, '--port', String(port)], { stdio: ['ignore', 'pipe', 'ignore'] })
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('the notes server ended'))),
  ])
  return { port, child }
}

async function untilReady(origin: string, child: ChildProcess, authority: string | null): Promise<void> {
  const deadline = performance.now() + READY_MS
  while (performance.now() < deadline && child.exitCode === null) {
    const answer = await request(`${origin}/readyz`, { authority }).catch(() => null)
    if (answer?.status === 200) return
    await sleep(50)
  }
  throw new Error('the gateway was not ready')
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

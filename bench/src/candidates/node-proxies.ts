import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { acceptsConnections, freePort, startProcess } from '../processes.ts'
import type { Candidate } from './candidate.ts'

const require = createRequire(import.meta.url)
const STDIO_UPSTREAM = fileURLToPath(new URL('../upstream/stdio-upstream.ts', import.meta.url))
const SDK_PROXY = fileURLToPath(new URL('./sdk-proxy.mjs', import.meta.url))
/** Peers start a process for each session; the generator's connections share this many. */
const PEER_SESSIONS_MAX = 2

/** What somebody would write with the SDK; see sdk-proxy.mjs. */
export async function startSdkProxy(options: {
  readonly upstreamPort: number
  readonly issuer: string
  readonly audience: string
}): Promise<Candidate> {
  const { upstreamPort, issuer, audience } = options
  const port = await freePort()
  const args = [SDK_PROXY, '--port', String(port), '--upstream', `http://127.0.0.1:${upstreamPort}/mcp`]
  const { pid } = await startProcess(
    process.execPath,
    [...args, '--issuer', issuer, '--audience', audience, '--jwks', `${issuer}/oauth/jwks`],
    () => acceptsConnections(port),
  )
  return {
    name: 'sdk-proxy',
    work: 'ES256 verified on each request (jose), SDK Server and Client per session',
    targets: [{ port, path: '/mcp', ca: null }],
    modernPath: null,
    pids: [pid],
    serverBehind: null,
    checksTokens: true,
    inspectsResults: false,
    carriesLogMessages: false,
    recorded: null,
    sessionsMax: 8,
  }
}

export async function startMcpProxy(): Promise<Candidate> {
  const port = await freePort()
  const bin = binOf('mcp-proxy')
  const args = [bin, '--port', String(port), '--host', '127.0.0.1', '--server', 'stream', '--']
  const { pid } = await startProcess(process.execPath, [...args, process.execPath, STDIO_UPSTREAM], () =>
    acceptsConnections(port),
  )
  return peer('mcp-proxy', port, pid)
}

export async function startSupergateway(): Promise<Candidate> {
  const port = await freePort()
  const command = `${process.execPath} ${STDIO_UPSTREAM}`
  const args = ['--stdio', command, '--outputTransport', 'streamableHttp', '--stateful', '--logLevel', 'none']
  const { pid } = await startProcess(process.execPath, [binOf('supergateway'), ...args, '--port', String(port)], () =>
    acceptsConnections(port),
  )
  return peer('supergateway', port, pid)
}

function peer(name: string, port: number, pid: number): Candidate {
  return {
    name,
    work: 'no tokens, no policy; stdio server behind it (its CPU is not counted)',
    targets: [{ port, path: '/mcp', ca: null }],
    modernPath: null,
    pids: [pid],
    serverBehind: STDIO_UPSTREAM,
    checksTokens: false,
    inspectsResults: false,
    carriesLogMessages: false,
    recorded: null,
    sessionsMax: PEER_SESSIONS_MAX,
  }
}

function binOf(name: string): string {
  const manifest = require.resolve(`${name}/package.json`)
  // npm's own field; both peers have exactly one program.
  const { bin } = require(manifest) as { bin: Record<string, string> }
  return join(dirname(manifest), Object.values(bin)[0] ?? '')
}

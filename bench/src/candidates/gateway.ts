import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Person } from '../../../packages/gateway/test/e2e/support/authorize.ts'
import {
  fetchThrough,
  type IssuedTokens,
  logInScripted,
} from '../../../packages/gateway/test/support/scripted-client.ts'
import { freePort, type Started, startProcess } from '../processes.ts'
import type { Tls, UpstreamAddress } from '../upstream/start-upstream.ts'
import type { Candidate } from './candidate.ts'

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url))
export const SERVER_ID = 'bench'
/** The same server, in the revision without sessions. */
export const MODERN_SERVER_ID = 'bench-modern'
/** Most that the configuration allows one user. */
export const SESSIONS_PER_SUBJECT = 100

export interface GatewayUnderTest {
  readonly origin: string
  readonly candidate: Candidate
  readonly process: Started
  readonly stateDir: string
  readonly send: typeof fetch
  /** What tokens for this server are bound to. */
  resource(serverId: string): string
  cli(...args: string[]): Promise<string>
  addUser(username: string): Promise<Person>
  /** The whole flow of an agent and its user: registration, login, consent, code, token. */
  logIn(person: Person, serverId?: string): Promise<IssuedTokens>
}

export interface GatewayOptions {
  /** Fresh and empty; removed by whoever made it. */
  readonly folder: string
  readonly upstream: UpstreamAddress
  readonly name: string
  /** Toward clients and toward the server. */
  readonly tls?: Tls | null
  /** For Node itself, such as --cpu-prof. */
  readonly nodeOptions?: readonly string[]
  /** Another built checkout, to compare with; default this one. */
  readonly checkout?: string | undefined
  /** More servers, by number. */
  readonly moreServers?: number
  /** That of an earlier start on the same state, whose tokens name it; default a free one. */
  readonly port?: number
  /** More of the configuration. */
  readonly moreYaml?: string
}

/** The built gateway as its own process, configured as an operator would, with one server behind it. */
export async function startGateway(options: GatewayOptions): Promise<GatewayUnderTest> {
  const { folder, tls = null, upstream } = options
  const bin = join(options.checkout ?? CHECKOUT, 'packages/gateway/bin/sallyport.mjs')
  const port = options.port ?? (await freePort())
  const origin = `${tls !== null ? 'https' : 'http'}://127.0.0.1:${port}`
  const stateDir = join(folder, 'var')
  const configFile = join(folder, 'sallyport.yaml')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(join(folder, 'inner-door'), upstream.credential, { mode: 0o600 })
  if (tls !== null) {
    await writeFile(join(folder, 'cert.pem'), tls.cert)
    await writeFile(join(folder, 'key.pem'), tls.key, { mode: 0o600 })
  }
  await writeFile(configFile, configuration(origin, options), { mode: 0o600 })
  const trust = tls === null ? {} : { NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem') }
  const env = { ...process.env, ...trust, SALLYPORT_CONFIG: configFile, SALLYPORT_STATE_DIR: stateDir }
  const send = fetchThrough({ port, ca: tls?.cert ?? null })
  const started = await startProcess(
    process.execPath,
    [...(options.nodeOptions ?? []), bin, 'serve'],
    async () => (await send(`${origin}/readyz`)).ok,
    env,
  )
  const resource = (serverId: string) => `${origin}/mcp/${serverId}`
  const cli = async (...args: string[]) => (await promisify(execFile)(process.execPath, [bin, ...args], { env })).stdout
  return {
    origin,
    process: started,
    stateDir,
    send,
    resource,
    cli,
    addUser: async (username) => {
      const password = `correct horse battery ${username}`
      const file = join(folder, `${username}.password`)
      await writeFile(file, password, { mode: 0o600 })
      await cli('user', 'add', username, '--password-file', file)
      return { username, password }
    },
    logIn: (person, serverId = SERVER_ID) =>
      logInScripted(
        send,
        {
          authorize: `${origin}/oauth/authorize`,
          token: `${origin}/oauth/token`,
          register: `${origin}/oauth/register`,
        },
        person,
        { resource: resource(serverId), scope: `${serverId}:read` },
      ),
    candidate: {
      name: options.name,
      work: WORK,
      targets: [{ port, path: `/mcp/${SERVER_ID}`, ca: tls?.cert ?? null }],
      modernPath: `/mcp/${MODERN_SERVER_ID}`,
      pids: [started.pid],
      serverBehind: null,
      checksTokens: true,
      inspectsResults: true,
      carriesLogMessages: true,
      recorded: countRecorded(join(stateDir, 'sallyport.db')),
      sessionsMax: SESSIONS_MAX,
    },
  }
}

const WORK =
  'token (cached), strict JSON, session or counterpart, id rewriting, tool class and scope, inspection for its own credential, durable audit record'
const SESSIONS_MAX = 8

/** Outcomes of tools/call, counted in the store itself by a reader of its own. Looks only at what came since it looked before. */
function countRecorded(file: string): () => number {
  let seen = 0
  let counted = 0
  return () => {
    const db = new DatabaseSync(file, { readOnly: true })
    try {
      const added = db
        .prepare(
          `select max(rowid) as last, sum(body like '%"activity_name":"call.outcome"%' and body like '%"operation":"tools/call"%') as n
           from audit_entries where rowid > ?`,
        )
        .get(seen)
      seen = Number(added?.['last'] ?? seen)
      counted += Number(added?.['n'] ?? 0)
      return counted
    } finally {
      db.close()
    }
  }
}

function configuration(origin: string, { tls, upstream, moreServers = 0, moreYaml = '' }: GatewayOptions): string {
  const isTls = tls !== null && tls !== undefined
  const ends = isTls
    ? '\n  tls: { certificateFile: cert.pem, privateKeyFile: key.pem }\nregistration: { mode: open }'
    : ''
  const url = isTls ? `https://127.0.0.1:${upstream.tlsPort}` : `http://127.0.0.1:${upstream.port}`
  const server = (path: string) =>
    `http: { url: '${url}${path}', network: loopback, headers: { Authorization: 'Bearer \${file:inner-door}' } }`
  const more = Array.from({ length: moreServers }, (_, index) => `  more-${index}: { ${server('/mcp')} }\n`).join('')
  const limits = `limits: { sessionsPerSubjectMax: ${SESSIONS_PER_SUBJECT}, idleSeconds: 3600 }`
  return `version: 1
gateway:
  publicUrl: ${origin}${ends}
lifetimes: { accessTokenSeconds: 1800 }
${moreYaml}servers:
  ${SERVER_ID}:
    ${server('/mcp')}
    ${limits}
  ${MODERN_SERVER_ID}:
    ${server('/modern')}
    ${limits}
${more}`
}

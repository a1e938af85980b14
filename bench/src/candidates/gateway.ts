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
import { selfSignedCertificate } from '../../../packages/gateway/test/support/self-signed.ts'
import { freePort, type Started, startProcess } from '../processes.ts'
import type { Candidate } from './candidate.ts'

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url))
export const SERVER_ID = 'bench'

export interface GatewayUnderTest {
  readonly origin: string
  readonly candidate: Candidate
  readonly process: Started
  readonly stateDir: string
  readonly send: typeof fetch
  readonly resource: string
  cli(...args: string[]): Promise<string>
  addUser(username: string): Promise<Person>
  /** The whole flow of an agent and its user: registration, login, consent, code, token. */
  logIn(person: Person): Promise<IssuedTokens>
}

export interface GatewayOptions {
  /** Fresh and empty; removed by whoever made it. */
  readonly folder: string
  readonly upstreamPort: number
  readonly name: string
  readonly isTls?: boolean
  /** For Node itself, such as --cpu-prof. */
  readonly nodeOptions?: readonly string[]
  /** Another built checkout, to compare with; default this one. */
  readonly checkout?: string | undefined
  /** More servers, by number. */
  readonly moreServers?: number
}

/** The built gateway as its own process, configured as an operator would, with one server behind it. */
export async function startGateway(options: GatewayOptions): Promise<GatewayUnderTest> {
  const { folder, isTls = false } = options
  const bin = join(options.checkout ?? CHECKOUT, 'packages/gateway/bin/sallyport.mjs')
  const port = await freePort()
  const origin = `${isTls ? 'https' : 'http'}://127.0.0.1:${port}`
  const stateDir = join(folder, 'var')
  const configFile = join(folder, 'sallyport.yaml')
  const certificate = isTls ? selfSignedCertificate(['127.0.0.1']) : null
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if (certificate !== null) {
    await writeFile(join(folder, 'cert.pem'), certificate.cert)
    await writeFile(join(folder, 'key.pem'), certificate.key, { mode: 0o600 })
  }
  await writeFile(configFile, configuration(origin, options), { mode: 0o600 })
  const env = { ...process.env, SALLYPORT_CONFIG: configFile, SALLYPORT_STATE_DIR: stateDir }
  const send = fetchThrough({ port, ca: certificate?.cert ?? null })
  const started = await startProcess(
    process.execPath,
    [...(options.nodeOptions ?? []), bin, 'serve'],
    async () => (await send(`${origin}/readyz`)).ok,
    env,
  )
  const resource = `${origin}/mcp/${SERVER_ID}`
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
    logIn: (person) =>
      logInScripted(
        send,
        {
          authorize: `${origin}/oauth/authorize`,
          token: `${origin}/oauth/token`,
          register: `${origin}/oauth/register`,
        },
        person,
        { resource, scope: `${SERVER_ID}:read` },
      ),
    candidate: {
      name: options.name,
      work: 'token (cached), strict JSON, session, id rewriting, tool class and scope, inspection, durable audit record',
      target: { port, path: `/mcp/${SERVER_ID}`, ca: certificate?.cert ?? null },
      pid: started.pid,
      serverBehind: null,
      checksTokens: true,
      carriesLogMessages: true,
      recorded: countRecorded(join(stateDir, 'sallyport.db')),
      sessionsMax: 8,
    },
  }
}

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

function configuration(origin: string, { isTls, upstreamPort, moreServers = 0 }: GatewayOptions): string {
  const tls = isTls
    ? '\n  tls: { certificateFile: cert.pem, privateKeyFile: key.pem }\nregistration: { mode: open }'
    : ''
  const upstream = `http: { url: 'http://127.0.0.1:${upstreamPort}/mcp', network: loopback }`
  const more = Array.from({ length: moreServers }, (_, index) => `  more-${index}: { ${upstream} }\n`).join('')
  return `version: 1
gateway:
  publicUrl: ${origin}${tls}
lifetimes: { accessTokenSeconds: 1800 }
servers:
  ${SERVER_ID}:
    ${upstream}
    limits: { sessionsPerSubjectMax: 100, idleSeconds: 3600 }
${more}`
}

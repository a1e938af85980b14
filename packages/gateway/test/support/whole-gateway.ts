import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Gateway, startGateway } from '../../src/serve.ts'
import type { Person } from '../e2e/support/authorize.ts'
import { freePort } from '../e2e/support/gateway.ts'
import { type AdminAnswer, askSocket } from './admin-socket.ts'

/** One record of the audit log as the admin API shows it. */
export interface ShownRecord {
  readonly activity: string
  readonly outcome: string
  readonly reason: string | null
  readonly requestId: string | null
  readonly clientId: string | null
  readonly server: string | null
  readonly tool: string | null
  readonly method: string | null
}

/** The gateway as `serve` puts it together, in this process, from sources. */
export interface WholeGateway {
  readonly port: number
  readonly folder: string
  readonly configFile: string
  readonly gateway: Gateway
  /** What was written to the operator's log. */
  readonly logged: { readonly level: string; readonly message: string; readonly details: object }[]
  /** The admin API over the socket of the state folder. */
  admin(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<AdminAnswer>
  addUser(username: string, roles?: readonly string[]): Promise<Person>
  /** Newest first. */
  log(query?: string): Promise<ShownRecord[]>
  /** The whole export, one line per record. */
  exportLog(): Promise<string>
  /** Replaces the file and reads it. */
  reconfigure(yaml: string): Promise<void>
  close(): Promise<void>
}

/** Starts it on a free port with a fresh state. `yaml` gets the port, and the folder that relative paths start from. */
export async function startWholeGateway(
  yaml: (port: number, folder: string) => string,
  options: {
    readonly env?: Readonly<Record<string, string | undefined>>
    /** Written beside the configuration, or below it, for the owner alone. */
    readonly files?: Readonly<Record<string, string | Uint8Array>>
  } = {},
): Promise<WholeGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-whole-'))
  const port = await freePort()
  const configFile = join(folder, 'sallyport.yaml')
  const stateDir = join(folder, 'var')
  await writeFile(configFile, yaml(port, folder), { mode: 0o600 })
  for (const [name, content] of Object.entries(options.files ?? {})) {
    await mkdir(dirname(join(folder, name)), { recursive: true, mode: 0o700 })
    await writeFile(join(folder, name), content, { mode: 0o600 })
  }
  const logged: { level: string; message: string; details: object }[] = []
  const note =
    (level: string) =>
    (message: string, details: object = {}) =>
      void logged.push({ level, message, details })
  const gateway = await startGateway({
    configurationFile: configFile,
    stateDir,
    env: { PATH: process.env['PATH'], ...options.env },
    execPath: process.execPath,
    log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
  })
  const admin: WholeGateway['admin'] = (method, path, body, headers) => askSocket(stateDir, method, path, body, headers)
  return {
    port,
    folder,
    configFile,
    gateway,
    logged,
    admin,
    addUser: async (username, roles) => {
      const password = `correct horse battery ${username}`
      const answer = await admin('POST', '/users', { username, password, ...(roles === undefined ? {} : { roles }) })
      if (answer.status !== 201) throw new Error(`${username} was not added: ${answer.text}`)
      return { username, password }
    },
    log: async (query = '') => {
      const answer = await admin('GET', `/log?limit=200${query}`)
      return (JSON.parse(answer.text) as { items: ShownRecord[] }).items
    },
    exportLog: async () => (await admin('GET', '/log/export')).text,
    reconfigure: async (text) => {
      await writeFile(configFile, text, { mode: 0o600 })
      await gateway.reload()
    },
    close: async () => {
      await gateway.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

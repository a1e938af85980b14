import { callServer } from './call-server.ts'
import type { Client, ConfigPattern } from './clients/client.ts'
import { KNOWN_CLIENTS } from './clients/known-clients.ts'
import type { ConfiguredServer } from './configured-server.ts'
import { expandPattern } from './expand-pattern.ts'
import { findPlainSecrets, type PlainSecrets } from './find-plain-secrets.ts'
import {
  type FileReference,
  INVENTORY_FORMAT,
  type InventoriedServer,
  type InventoryFinding,
  type InventoryProblem,
  type InventoryReport,
} from './inventory-report.ts'
import { INVENTORY_RULES, SEVERITIES } from './inventory-rules.ts'
import { judgeServer, type Verdict, verdict } from './judge-server.ts'
import { KNOWN_BAD_VERSION } from './known-bad-versions.ts'
import { foldersOf, type Roots } from './layout.ts'
import { parseConfig } from './parse-config.ts'
import { printable } from './printable.ts'
import { CONFIG_BYTES_MAX, type FileProblem, readConfigFile } from './read-config-file.ts'
import { readServers } from './read-servers.ts'
import { startServer } from './start-server.ts'
import { visitServer } from './visit-server.ts'

export const FILES_MAX = 2000
export const SERVERS_MAX = 5000
const NAME_CHARACTERS_MAX = 128
const TARGET_CHARACTERS_MAX = 300

export interface InventoryOptions {
  readonly roots: Roots
  readonly takenAt: Date
  readonly gateway: URL | null
  /** Which servers to start or call for their tools; nobody is asked without it. */
  readonly asks: (server: { readonly id: string; readonly name: string }) => boolean
  /** Tools that the user calls safe, with the arguments to call them with. */
  readonly safeCalls: readonly SafeCall[]
  /** Where `PATH` and the like come from for servers that are started. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Servers named by URL, beside those that are configured. */
  readonly urls: readonly string[]
  readonly clients?: readonly Client[]
}

export interface SafeCall {
  readonly server: string
  readonly tool: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** A server with all that is known of it while the report is made; `configured` holds its secrets and stays here. */
interface Found {
  readonly client: string
  readonly file: FileReference
  readonly line: number | null
  readonly configured: ConfiguredServer
  readonly isOpenToOthers: boolean
}

/**
 * Finds the MCP servers that clients on this machine are configured with, and judges them. Reads files and nothing more,
 * unless `asks` names servers to start or call. Bounded in files, bytes and servers; what went over is a problem line.
 */
export async function takeInventory(options: InventoryOptions): Promise<InventoryReport> {
  const survey = await surveyFiles(options.roots, options.clients ?? KNOWN_CLIENTS)
  const found = [...survey.found, ...options.urls.map(serverAtUrl)]
  const ids = idsOf(found)
  const servers: InventoriedServer[] = []
  const findings: InventoryFinding[] = [...survey.findings]
  for (const [index, one] of found.entries()) {
    const id = ids[index] ?? ''
    const { server, verdicts } = await inventoryServer(one, id, options)
    servers.push(server)
    findings.push(...verdicts.map((said) => findingOf(said, one, id)))
  }
  findings.push(...duplicates(servers))
  return {
    format: INVENTORY_FORMAT,
    takenAt: options.takenAt.toISOString(),
    platform: options.roots.platform,
    knownBadVersion: KNOWN_BAD_VERSION,
    gateway: options.gateway === null ? null : printable(options.gateway.href),
    clients: survey.clients,
    servers,
    problems: survey.problems,
    findings: findings.toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity)),
    rules: Object.fromEntries(
      [...new Set(findings.map(({ code }) => code))].toSorted().map((code) => [code, INVENTORY_RULES[code]]),
    ),
  }
}

interface Survey {
  readonly found: Found[]
  readonly clients: { id: string; name: string; files: FileReference[] }[]
  readonly problems: InventoryProblem[]
  readonly findings: InventoryFinding[]
  files: number
}

async function surveyFiles(roots: Roots, clients: readonly Client[]): Promise<Survey> {
  const survey: Survey = { found: [], clients: [], problems: [], findings: [], files: 0 }
  for (const client of clients) {
    const files: FileReference[] = []
    const seen = new Set<string>()
    for (const pattern of client.files.filter(({ platforms }) => platforms?.includes(roots.platform) ?? true))
      for (const folder of foldersOf(pattern.base, roots)) {
        const { paths, isComplete } = await expandPattern(folder, pattern.path)
        if (!isComplete)
          survey.problems.push({
            client: client.id,
            file: fileReference(`${folder}/${pattern.path}`, roots),
            problem: 'more files than are looked at',
          })
        for (const path of paths) {
          // A home inside a project, or the reverse, must not count a file twice.
          if (seen.has(path)) continue
          seen.add(path)
          if (await surveyFile(survey, client, pattern, folder, path, roots)) files.push(fileReference(path, roots))
        }
      }
    if (files.length > 0) survey.clients.push({ id: client.id, name: client.name, files })
  }
  return survey
}

const FILE_PROBLEMS: Readonly<Record<FileProblem, string>> = {
  brokenLink: 'a symbolic link to nothing',
  linkLeavesFolder: 'a symbolic link that leaves its folder; not followed',
  notRegular: 'not a regular file; not opened',
  notReadable: 'can not be read with the rights of this user',
  tooLarge: 'larger than a configuration can be; not read',
  notUtf8: 'not UTF-8 text',
  changedWhileRead: 'changed while it was read',
}

/** Whether the file exists. */
async function surveyFile(
  survey: Survey,
  client: Client,
  pattern: ConfigPattern,
  folder: string,
  path: string,
  roots: Roots,
): Promise<boolean> {
  const file = fileReference(path, roots)
  const report = (problem: string): true => {
    survey.problems.push({ client: client.id, file, problem })
    return true
  }
  const read = await readConfigFile(folder, path, CONFIG_BYTES_MAX[pattern.format])
  if (read.kind === 'missing') return false
  if (++survey.files > FILES_MAX) return report('one file too many; not read')
  if (read.kind === 'problem') return report(FILE_PROBLEMS[read.problem])
  const parsed = parseConfig(read.text, pattern.format)
  if (parsed.kind === 'malformed') return report(`not ${pattern.format.toUpperCase()} that can be parsed`)
  const { servers, unreadable, isComplete } = readServers(parsed.value, pattern.at)
  if (!isComplete) report('more servers than are looked at')
  for (const configured of servers) {
    if (survey.found.length >= SERVERS_MAX) return report('one server too many; the rest is not looked at')
    const line = lineOf(read.text, configured.name)
    survey.found.push({ client: client.id, file, line, configured, isOpenToOthers: read.isOpenToOthers })
  }
  for (const name of unreadable)
    survey.findings.push({
      ...verdict('inventory.unreadable-entry', printable(name, NAME_CHARACTERS_MAX)),
      server: null,
      file,
      line: lineOf(read.text, name),
    })
  return true
}

function serverAtUrl(url: string): Found {
  const configured: ConfiguredServer = {
    name: URL.parse(url)?.host ?? 'url',
    transport: 'http',
    command: null,
    args: [],
    url,
    environment: {},
    headers: {},
    isEnabled: true,
    approvedTools: [],
    otherTexts: [],
  }
  return { client: 'url', file: { root: 'machine', path: '' }, line: null, configured, isOpenToOthers: false }
}

async function inventoryServer(
  { client, file, line, configured, isOpenToOthers }: Found,
  id: string,
  options: InventoryOptions,
): Promise<{ server: InventoriedServer; verdicts: Verdict[] }> {
  const secrets = findPlainSecrets(configured)
  const judged = judgeServer(configured, secrets, options.gateway, isOpenToOthers)
  const name = printable(secrets.redact(configured.name), NAME_CHARACTERS_MAX)
  const isAsked = client === 'url' || (configured.isEnabled && options.asks({ id, name }))
  const visit = await visitServer(
    configured,
    options.safeCalls.filter(({ server }) => server === id || server === name),
    isAsked ? () => connect(configured, options) : null,
  )
  const server: InventoriedServer = {
    id,
    client,
    name,
    file,
    line,
    transport: configured.transport,
    isEnabled: configured.isEnabled,
    target: targetOf(configured, secrets),
    package: printablePackage(judged.package, secrets),
    environmentNames: Object.keys(configured.environment).map((one) => printable(one, NAME_CHARACTERS_MAX)),
    headerNames: Object.keys(configured.headers).map((one) => printable(one, NAME_CHARACTERS_MAX)),
    secrets: secrets.sightings.map((one) => ({
      ...one,
      name: printable(secrets.redact(one.name), NAME_CHARACTERS_MAX),
    })),
    isBehindGateway: judged.isBehindGateway,
    tools: visit.tools,
  }
  const verdicts = [...judged.verdicts, ...visit.verdicts]
  return { server, verdicts: verdicts.map((one) => ({ ...one, detail: printable(secrets.redact(one.detail)) })) }
}

function connect(configured: ConfiguredServer, { environment }: InventoryOptions): ReturnType<typeof startServer> {
  if (configured.url !== null) return Promise.resolve().then(() => callServer(configured.url ?? '', configured.headers))
  return startServer(configured, environment)
}

function targetOf({ command, args, url }: ConfiguredServer, secrets: PlainSecrets): string {
  const said =
    url ??
    [command ?? '', ...args].map((word) => (/^[\w@%+=:,./\\-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')
  return printable(secrets.redact(said), TARGET_CHARACTERS_MAX)
}

function printablePackage(used: InventoriedServer['package'], secrets: PlainSecrets): InventoriedServer['package'] {
  if (used === null) return null
  const clean = (text: string): string => printable(secrets.redact(text), NAME_CHARACTERS_MAX)
  return { ...used, name: clean(used.name), version: used.version === null ? null : clean(used.version) }
}

function idsOf(found: readonly Found[]): string[] {
  const taken = new Map<string, number>()
  return found.map(({ client, configured }) => {
    const id = `${client}/${printable(findPlainSecrets(configured).redact(configured.name), NAME_CHARACTERS_MAX)}`
    const count = (taken.get(id) ?? 0) + 1
    taken.set(id, count)
    return count === 1 ? id : `${id}#${count}`
  })
}

function findingOf(
  { code, severity, detail, tool }: Verdict,
  { file, line, client }: Found,
  server: string,
): InventoryFinding {
  return { code, severity, detail, tool, server, file: client === 'url' ? null : file, line }
}

/** The same name for two different targets within one client. */
function duplicates(servers: readonly InventoriedServer[]): InventoryFinding[] {
  const first = new Map<string, InventoriedServer>()
  const findings: InventoryFinding[] = []
  for (const server of servers) {
    const key = JSON.stringify([server.client, server.name])
    const other = first.get(key)
    if (other === undefined) first.set(key, server)
    else if (other.target !== server.target && server.client !== 'url')
      findings.push({
        ...verdict('inventory.duplicate-name', `also in ${fileLabel(other.file)}`),
        server: server.id,
        file: server.file,
        line: server.line,
      })
  }
  return findings
}

/** The first line where the name stands as a key or a value; a hint for people, not a parser's truth. */
function lineOf(text: string, name: string): number | null {
  const words = [JSON.stringify(name), `.${name}]`, `.${JSON.stringify(name)}]`, `${name}:`, `name: ${name}`]
  const at = words.map((word) => text.indexOf(word)).find((index) => index !== -1)
  return at === undefined ? null : text.slice(0, at).split('\n').length
}

function fileReference(path: string, { home, projects, platform }: Roots): FileReference {
  const plain = (text: string): string => (platform === 'windows' ? text.replaceAll('\\', '/') : text)
  const below = (folder: string): string | null =>
    plain(path).startsWith(`${plain(folder)}/`) ? plain(path).slice(folder.length + 1) : null
  // The first project is where the user stands; files of others are named from home or root, so that they differ.
  const [here] = projects
  const inProject = here === undefined || here === home ? null : below(here)
  if (inProject !== null) return { root: 'project', path: printable(inProject) }
  const inHome = below(home)
  return inHome === null ? { root: 'machine', path: printable(plain(path)) } : { root: 'home', path: printable(inHome) }
}

/** How a file is named to people. */
export function fileLabel({ root, path }: FileReference): string {
  return root === 'home' ? `~/${path}` : path
}

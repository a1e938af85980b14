import type { Finding } from '#report/model.ts'
import type { Client, ConfigPattern } from './clients/client.ts'
import type { ConfiguredServer } from './configured-server.ts'
import { expandPattern } from './expand-pattern.ts'
import type { InventoryReport } from './inventory-report.ts'
import { remark } from './judge-server.ts'
import { foldersOf, type Roots } from './layout.ts'
import { nameFile } from './name-file.ts'
import { parseConfig } from './parse-config.ts'
import { CONFIG_BYTES_MAX, type FileProblem, readConfigFile } from './read-config-file.ts'
import { readServers } from './read-servers.ts'
import { reportFinding } from './report-finding.ts'
import { safeText } from './safe-text.ts'

export const FILES_MAX = 2000
export const SERVERS_MAX = 5000
/** Looking for lines takes time by characters and names; above this lines are not told. */
const LINE_SEARCH_MAX = 64 * 1024 * 1024

/** A server and where it was found; it holds its secrets and goes into no report. */
export interface FoundServer {
  readonly client: string
  /** As reports name it; null for a server that the user named by URL. */
  readonly file: string | null
  readonly line: number | null
  readonly configured: ConfiguredServer
  readonly isOpenToOthers: boolean
}

export interface Survey {
  readonly found: readonly FoundServer[]
  readonly clients: InventoryReport['clients']
  readonly problems: InventoryReport['problems']
  readonly findings: readonly Finding[]
}

interface Running {
  readonly found: FoundServer[]
  readonly clients: InventoryReport['clients']
  readonly problems: InventoryReport['problems']
  readonly findings: Finding[]
  files: number
}

/** Reads what the clients' files say. A file that can't be looked at whole is a problem line; nothing is started. */
export async function surveyFiles(roots: Roots, clients: readonly Client[]): Promise<Survey> {
  const running: Running = { found: [], clients: [], problems: [], findings: [], files: 0 }
  for (const client of clients) {
    const files: string[] = []
    const seen = new Set<string>()
    for (const pattern of client.files.filter(({ platforms }) => platforms?.includes(roots.platform) ?? true))
      for (const folder of foldersOf(pattern.base, roots))
        for (const path of await pathsOf(running, client, pattern, folder, roots)) {
          // One pattern may name what another does, with other keys; each is read for its own.
          const isNew = !seen.has(path)
          seen.add(path)
          const exists = await surveyFile(running, client, pattern, folder, path, roots)
          if (exists && isNew) files.push(nameFile(path, roots))
        }
    if (files.length > 0) running.clients.push({ id: client.id, name: client.name, files })
  }
  return running
}

async function pathsOf(
  running: Running,
  client: Client,
  pattern: ConfigPattern,
  folder: string,
  roots: Roots,
): Promise<readonly string[]> {
  const { paths, isComplete } = await expandPattern(folder, pattern.path)
  const file = nameFile(`${folder}/${pattern.path}`, roots)
  if (!isComplete) running.problems.push({ client: client.id, file, problem: 'more files than are looked at' })
  return paths
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
  running: Running,
  client: Client,
  pattern: ConfigPattern,
  folder: string,
  path: string,
  roots: Roots,
): Promise<boolean> {
  const file = nameFile(path, roots)
  const report = (problem: string): true => {
    running.problems.push({ client: client.id, file, problem })
    return true
  }
  const read = await readConfigFile(folder, path, CONFIG_BYTES_MAX[pattern.format])
  if (read.kind === 'missing') return false
  if (++running.files > FILES_MAX) return report('one file too many; not read')
  if (read.kind === 'problem') return report(FILE_PROBLEMS[read.problem])
  const parsed = parseConfig(read.text, pattern.format)
  if (parsed.kind === 'malformed') return report(`not ${pattern.format.toUpperCase()} that can be parsed`)
  const { servers, unreadable, isComplete } = readServers(parsed.value, pattern.at)
  if (!isComplete) report('more servers than are looked at')
  const isSearchable = read.text.length * servers.length < LINE_SEARCH_MAX
  for (const configured of servers) {
    if (running.found.length >= SERVERS_MAX) return report('one server too many; the rest is not looked at')
    const line = isSearchable ? lineOf(read.text, configured.name) : null
    running.found.push({ client: client.id, file, line, configured, isOpenToOthers: read.isOpenToOthers })
  }
  for (const name of unreadable)
    running.findings.push(
      reportFinding(remark('inventory.unreadable-entry', safeText(name, 128), { key: name }), {
        kind: 'file',
        path: file,
        line: null,
        server: null,
      }),
    )
  return true
}

/** The first line where the name stands as a key or a value; a hint for people, not a parser's truth. */
function lineOf(text: string, name: string): number | null {
  const words = [JSON.stringify(name), `.${name}]`, `.${JSON.stringify(name)}]`, `${name}:`, `name: ${name}`]
  const at = words.map((word) => text.indexOf(word)).find((index) => index !== -1)
  if (at === undefined) return null
  let line = 1
  for (let end = text.indexOf('\n'); end !== -1 && end < at; end = text.indexOf('\n', end + 1)) line++
  return line
}

import type { Finding } from '#report/model.ts'
import type { Client } from './clients/client.ts'
import { KNOWN_CLIENTS } from './clients/known-clients.ts'
import { findPlainSecrets } from './find-plain-secrets.ts'
import { INVENTORY_VERSION, type InventoriedServer, type InventoryReport } from './inventory-report.ts'
import { SEVERITIES } from './inventory-rules.ts'
import { inventoryServer, NAME_CHARACTERS_MAX, type Visits } from './inventory-server.ts'
import { remark } from './judge-server.ts'
import { KNOWN_BAD_VERSION } from './known-bad-versions.ts'
import type { Roots } from './layout.ts'
import { reportFinding } from './report-finding.ts'
import { safeText } from './safe-text.ts'
import { type FoundServer, surveyFiles } from './survey-files.ts'

export interface InventoryOptions extends Visits {
  readonly roots: Roots
  readonly takenAt: Date
  /** Of the auditor. */
  readonly version: string
  readonly gateway: URL | null
  /** Servers named by URL, beside those that are configured; they are called. */
  readonly urls: readonly string[]
  readonly clients?: readonly Client[]
}

/**
 * Finds the MCP servers that clients on this machine are set up for, and judges them. Reads files and nothing more,
 * unless `asks` or `urls` name servers to start or call. Bounded in files, bytes and servers.
 */
export async function takeInventory(options: InventoryOptions): Promise<InventoryReport> {
  const survey = await surveyFiles(options.roots, options.clients ?? KNOWN_CLIENTS)
  const found = [...survey.found, ...options.urls.map(serverAtUrl)]
  const ids = idsOf(found)
  const servers: InventoriedServer[] = []
  const findings: Finding[] = [...survey.findings]
  for (const [index, one] of found.entries()) {
    const { server, findings: said } = await inventoryServer(one, ids[index] ?? '', options.gateway, options)
    servers.push(server)
    findings.push(...said)
  }
  findings.push(...duplicates(servers))
  return {
    kind: 'inventory',
    reportVersion: INVENTORY_VERSION,
    tool: { name: 'sallyport-audit', version: options.version },
    takenAt: options.takenAt.toISOString(),
    platform: options.roots.platform,
    knownBadVersion: KNOWN_BAD_VERSION,
    gateway: options.gateway === null ? null : safeText(options.gateway.href),
    clients: survey.clients,
    servers,
    problems: survey.problems,
    findings: findings.toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity)),
  }
}

function serverAtUrl(url: string): FoundServer {
  const configured = {
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
  } as const
  return { client: 'url', file: null, line: null, configured, isOpenToOthers: false }
}

function idsOf(found: readonly FoundServer[]): string[] {
  const taken = new Map<string, number>()
  return found.map(({ client, configured }) => {
    const id = `${client}/${safeText(findPlainSecrets(configured).redact(configured.name), NAME_CHARACTERS_MAX)}`
    const count = (taken.get(id) ?? 0) + 1
    taken.set(id, count)
    return count === 1 ? id : `${id}#${count}`
  })
}

/** The same name for two different targets within one client. */
function duplicates(servers: readonly InventoriedServer[]): Finding[] {
  const first = new Map<string, InventoriedServer>()
  const findings: Finding[] = []
  for (const server of servers.filter(({ client }) => client !== 'url')) {
    const key = JSON.stringify([server.client, server.name])
    const other = first.get(key)
    if (other === undefined) first.set(key, server)
    else if (other.target !== server.target)
      findings.push(
        reportFinding(remark('inventory.duplicate-name', `also in ${other.file}`), {
          kind: 'file',
          path: server.file,
          line: server.line,
          server: server.id,
        }),
      )
  }
  return findings
}

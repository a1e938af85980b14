import type { InventoriedServer, InventoryReport } from '#inventory/inventory-report.ts'
import type { AuditReport, Finding, Severity } from './model.ts'

export type Report = AuditReport | InventoryReport

/** A report as every format for people tells it: what was looked at, what came out, then the findings. */
export interface Outline {
  readonly title: string
  readonly facts: readonly (readonly [label: string, value: string])[]
  readonly tables: readonly OutlineTable[]
  readonly findings: readonly Finding[]
  readonly notes: readonly string[]
}

export interface OutlineTable {
  readonly caption: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export function outlineOf(report: Report): Outline {
  return report.kind === 'audit' ? outlineOfAudit(report) : outlineOfInventory(report)
}

function outlineOfAudit(report: AuditReport): Outline {
  const { grade, checks, findings, notes } = report
  return {
    title: `Audit of ${report.target.url}`,
    facts: [
      ['Grade', gradeLabel(report)],
      ['Coverage', `${grade.coverage.tested} of ${grade.coverage.of} checks, ${grade.coverage.whole} of them whole`],
      ['Access', report.access],
      ['Findings', countBySeverity(findings)],
      ['Requests', String(report.requests)],
      ['Started', report.startedAt],
      ['Rubric', report.rubric],
    ],
    tables: [
      {
        caption: 'Checks',
        head: ['#', 'Check', 'Verdict', 'Weight', 'Decided'],
        rows: checks.map(({ number, title, verdict, weight, share }) => [
          String(number),
          title,
          verdict,
          String(weight),
          `${Math.round(share * 100)} %`,
        ]),
      },
    ],
    findings,
    notes: [
      ...(report.outcomeDetail === null ? [] : [report.outcomeDetail]),
      ...(report.baseline?.stale ?? []).map(({ code }) => `${code} is accepted by the baseline and was not found`),
      ...notes,
    ],
  }
}

/** The letter with a star when few checks were tested, and what keeps it from being better. */
export function gradeLabel({ grade, outcome }: AuditReport): string {
  if (outcome === 'unreachable' || grade.letter === null) return 'none: nothing was tested'
  const score = grade.score === null ? '' : ` (${Math.round(grade.score)} of 100)`
  const cap = grade.cap === null ? '' : `, capped at ${grade.cap} by ${grade.cappedBy.join(', ')}`
  return `${grade.letter}${grade.isProvisional ? '*' : ''}${score}${cap}`
}

function outlineOfInventory(report: InventoryReport): Outline {
  const { servers, findings, clients, problems } = report
  const worst = new Map<string, number>()
  for (const { subject } of findings) {
    const id = subject.kind === 'server' ? null : subject.server
    if (id !== null) worst.set(id, (worst.get(id) ?? 0) + 1)
  }
  return {
    title: 'Inventory of MCP servers',
    facts: [
      ['Clients', clients.length === 0 ? 'none found' : clients.map(({ name }) => name).join(', ')],
      ['Servers', String(servers.length)],
      ['Gateway', report.gateway ?? 'not named'],
      ['Findings', countBySeverity(findings)],
      ['Taken', report.takenAt],
      ['Known bad versions', report.knownBadVersion],
    ],
    tables: [
      {
        caption: 'Servers',
        head: ['Server', 'Transport', 'Runs or calls', 'Package', 'Secrets', 'Gateway', 'Findings', 'File'],
        rows: servers.map((server) => [
          server.isEnabled ? server.id : `${server.id} (off)`,
          server.transport,
          server.target,
          packageLabel(server),
          server.secrets.length === 0 ? '-' : server.secrets.map(({ kind, hash }) => `${kind} ${hash}`).join(', '),
          server.isBehindGateway === null ? '-' : server.isBehindGateway ? 'yes' : 'no',
          String(worst.get(server.id) ?? 0),
          server.line === null ? server.file : `${server.file}:${server.line}`,
        ]),
      },
      ...toolTables(servers),
      ...(problems.length === 0
        ? []
        : [
            {
              caption: 'Files that could not be looked at',
              head: ['Client', 'File', 'Problem'],
              rows: problems.map(({ client, file, problem }) => [client, file, problem]),
            },
          ]),
    ],
    findings,
    notes: servers.flatMap(({ id, tools }) =>
      tools.kind === 'failed' ? [`${id} could not be asked for its tools: ${tools.reason}`] : [],
    ),
  }
}

function toolTables(servers: readonly InventoriedServer[]): OutlineTable[] {
  const rows = servers.flatMap(({ id, tools }) =>
    tools.kind !== 'listed'
      ? []
      : tools.tools.map((tool) => [
          id,
          tool.name,
          tool.toolClass,
          tool.risk,
          tool.parameters === 0 ? 'no parameters' : `${tool.boundedParameters} of ${tool.parameters} bounded`,
          tool.confirmation,
          tool.outputSecrets === null
            ? 'not called'
            : tool.outputSecrets.length === 0
              ? 'no secrets'
              : `${tool.outputSecrets.length} secrets`,
        ]),
  )
  if (rows.length === 0) return []
  return [{ caption: 'Tools', head: ['Server', 'Tool', 'Class', 'Risk', 'Constraints', 'Asks', 'Output'], rows }]
}

function packageLabel({ package: used }: InventoriedServer): string {
  if (used === null) return '-'
  return `${used.name}${used.version === null ? '' : ` ${used.version}`} (${used.pin === 'exact' ? 'pinned' : used.pin === 'none' ? 'unpinned' : used.pin})`
}

const ORDER: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info']

export function countBySeverity(findings: readonly Finding[]): string {
  const counted = ORDER.map(
    (severity) => [severity, findings.filter((one) => one.severity === severity).length] as const,
  )
  const said = counted.filter(([, count]) => count > 0).map(([severity, count]) => `${count} ${severity}`)
  return said.length === 0 ? 'none' : said.join(', ')
}

/** Where a finding stands, in one line. */
export function placeOf({ subject }: Finding): string {
  switch (subject.kind) {
    case 'server':
      return subject.url
    case 'tool':
      return `${subject.server}, tool ${subject.tool}`
    case 'file': {
      const file = subject.line === null ? subject.path : `${subject.path}:${subject.line}`
      return subject.server === null ? file : `${subject.server} in ${file}`
    }
  }
}

/** Ids of all taxonomies, in one list. */
export function referenceIds({ references }: Finding): string[] {
  return [
    ...references.clauses.map(({ spec, section }) => `${spec} §${section}`),
    ...references.owaspMcp,
    ...references.owaspAgentic,
    ...references.owaspLlm,
    ...references.owaspNhi,
    ...references.cwe,
    ...references.nist800207.map((tenet) => `NIST SP 800-207 §${tenet}`),
  ]
}

import type { Finding, References, Severity } from './model.ts'
import { gradeLabel, placeOf, type Report } from './outline.ts'

/**
 * SARIF 2.1.0 (OASIS), one run per report. Files get relative paths, the home folder a base of its own, so that no name
 * of a user is in it. Servers have no file: they get a logical location, and a pseudo-file because code scanning drops
 * results without a physical one.
 */
export function toSarif(reports: readonly Report[]): unknown {
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: reports.map((report) => runOf(report)),
  }
}

function runOf(report: Report): Record<string, unknown> {
  // Findings come worst first, so a rule is as severe as the worst that it found.
  const rules = report.findings.filter((one, at) => report.findings.findIndex(({ code }) => code === one.code) === at)
  const codes = rules.map(({ code }) => code)
  const startedAt = report.kind === 'audit' ? report.startedAt : report.takenAt
  return {
    tool: {
      driver: {
        name: report.tool.name,
        semanticVersion: report.tool.version,
        rules: rules.map(ruleOf),
        ...(rules.length === 0 ? {} : { supportedTaxonomies: TAXONOMIES.map(([name]) => ({ name })) }),
      },
    },
    automationDetails: {
      id: report.kind === 'audit' ? `sallyport-audit/audit/${report.target.url}` : 'sallyport-audit/inventory/',
    },
    columnKind: 'utf16CodeUnits',
    originalUriBaseIds: { HOME: { description: { text: 'The home folder of the user.' } } },
    ...(rules.length === 0 ? {} : { taxonomies: taxonomiesOf(rules) }),
    invocations: [
      {
        executionSuccessful: report.kind === 'inventory' || report.outcome === 'audited',
        startTimeUtc: startedAt,
        toolExecutionNotifications: notificationsOf(report),
      },
    ],
    results: report.findings.map((finding) => resultOf(finding, codes.indexOf(finding.code))),
    properties:
      report.kind === 'audit'
        ? { grade: gradeLabel(report), rubric: report.rubric }
        : { knownBadVersion: report.knownBadVersion },
  }
}

function ruleOf(finding: Finding): Record<string, unknown> {
  const { code, title, why, fixes, references, severity } = finding
  const text = fixes.map(({ stack, text: fix }) => (stack === 'any' ? fix : `${stack}: ${fix}`)).join('\n')
  const [clause] = references.clauses
  return {
    id: code,
    shortDescription: { text: title },
    fullDescription: { text: why },
    help: { text: text === '' ? why : text },
    ...(clause === undefined ? {} : { helpUri: clause.url }),
    defaultConfiguration: { level: LEVELS[severity] },
    relationships: TAXONOMIES.flatMap(([name, ids]) =>
      ids(references).map((id) => ({ target: { id, toolComponent: { name } }, kinds: ['relevant'] })),
    ),
    properties: {
      'security-severity': SECURITY_SEVERITIES[severity],
      tags: ['security', ...references.cwe.map(cweTag)],
    },
  }
}

/** The form that GitHub code scanning groups by. */
function cweTag(id: string): string {
  return `external/cwe/${id.toLowerCase()}`
}

function resultOf(finding: Finding, ruleIndex: number): Record<string, unknown> {
  return {
    ruleId: finding.code,
    ruleIndex,
    level: LEVELS[finding.severity],
    message: { text: `${finding.title}: ${finding.detail} (${placeOf(finding)})` },
    locations: [locationOf(finding)],
    partialFingerprints: { 'sallyport/v1': finding.fingerprint },
    // SARIF 2.1.0 §3.27.23: an empty list says that suppression was looked at and there is none.
    suppressions: finding.isAccepted ? [{ kind: 'external', justification: 'accepted by the baseline' }] : [],
    properties: { severity: finding.severity, verdict: finding.verdict },
  }
}

function locationOf({ subject }: Finding): Record<string, unknown> {
  if (subject.kind === 'file')
    return {
      physicalLocation: {
        artifactLocation: artifactOf(subject.path),
        ...(subject.line === null ? {} : { region: { startLine: Math.max(1, subject.line) } }),
      },
      ...(subject.server === null
        ? {}
        : { logicalLocations: [{ fullyQualifiedName: subject.server, kind: 'object' }] }),
    }
  const name = subject.kind === 'server' ? subject.url : `${subject.server}/${subject.tool}`
  return {
    physicalLocation: { artifactLocation: { uri: `mcp/${encodeURIComponent(name)}` } },
    logicalLocations: [{ fullyQualifiedName: name, kind: subject.kind === 'server' ? 'resource' : 'function' }],
  }
}

function artifactOf(path: string): Record<string, unknown> {
  const encoded = (text: string): string => text.split('/').map(encodeURIComponent).join('/')
  if (path.startsWith('~/')) return { uri: encoded(path.slice(2)), uriBaseId: 'HOME' }
  if (path.startsWith('/')) return { uri: `file://${encoded(path)}` }
  return /^[A-Za-z]:\//.test(path)
    ? { uri: `file:///${path.slice(0, 2)}${encoded(path.slice(2))}` }
    : { uri: encoded(path) }
}

function notificationsOf(report: Report): Record<string, unknown>[] {
  const texts =
    report.kind === 'inventory'
      ? report.problems.map(({ client, file, problem }) => `${client}: ${file}: ${problem}`)
      : report.outcomeDetail === null
        ? []
        : [report.outcomeDetail]
  return texts.map((text) => ({ level: 'warning', message: { text } }))
}

const LEVELS: Readonly<Record<Severity, string>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
  info: 'note',
}

/** The middle of each band of CVSS, as code scanning reads it. */
const SECURITY_SEVERITIES: Readonly<Record<Severity, string>> = {
  critical: '9.5',
  high: '8.0',
  medium: '5.5',
  low: '2.5',
  info: '0.0',
}

const TAXONOMIES: readonly (readonly [name: string, ids: (references: References) => readonly string[]])[] = [
  ['CWE', ({ cwe }) => cwe],
  ['OWASP MCP Top 10', ({ owaspMcp }) => owaspMcp],
  ['OWASP Agentic Top 10', ({ owaspAgentic }) => owaspAgentic],
  ['OWASP LLM Top 10', ({ owaspLlm }) => owaspLlm],
  ['OWASP Non-Human Identities Top 10', ({ owaspNhi }) => owaspNhi],
  ['NIST SP 800-207', ({ nist800207 }) => nist800207],
]

function taxonomiesOf(rules: readonly Finding[]): Record<string, unknown>[] {
  return TAXONOMIES.map(([name, ids]) => ({
    name,
    taxa: [...new Set(rules.flatMap(({ references }) => ids(references)))].map((id) => ({ id })),
  }))
}

import type { PackageUse } from './inventory-report.ts'

export interface BadVersions {
  readonly ecosystem: PackageUse['ecosystem']
  readonly name: string
  /** First bad version; null for all before `fixed`. */
  readonly introduced: string | null
  /** First good version; null when none is. */
  readonly fixed: string | null
  readonly id: string
  readonly severity: 'critical' | 'high' | 'medium'
  readonly what: string
  readonly source: string
}

/** Changed with every change of the list; reports name it, so that an old list shows. */
export const KNOWN_BAD_VERSION = '2026-11-26'

const cve = (id: string): string => `https://www.cve.org/CVERecord?id=${id}`
const npm = { ecosystem: 'npm', introduced: null } as const

/** MCP servers and bridges with published holes, and packages published to do harm. Every line names its source. */
export const KNOWN_BAD_VERSIONS: readonly BadVersions[] = [
  {
    ...npm,
    name: 'mcp-remote',
    introduced: '0.0.5',
    fixed: '0.1.16',
    id: 'CVE-2025-6514',
    severity: 'critical',
    what: "a server's authorization_endpoint runs commands on the user's machine",
    source: cve('CVE-2025-6514'),
  },
  {
    ...npm,
    name: '@modelcontextprotocol/inspector',
    fixed: '0.14.1',
    id: 'CVE-2025-49596',
    severity: 'critical',
    what: 'its proxy starts commands for any web page, unauthenticated',
    source: cve('CVE-2025-49596'),
  },
  {
    ...npm,
    name: '@modelcontextprotocol/inspector',
    introduced: '0.14.1',
    fixed: '0.16.6',
    id: 'CVE-2025-58444',
    severity: 'high',
    what: "an untrusted server's redirect runs script in the inspector, and commands through it",
    source: cve('CVE-2025-58444'),
  },
  {
    ...npm,
    name: '@modelcontextprotocol/server-filesystem',
    fixed: '0.6.4',
    id: 'CVE-2025-53110',
    severity: 'high',
    what: 'a folder whose name begins like an allowed one is reachable',
    source: cve('CVE-2025-53110'),
  },
  {
    ...npm,
    name: '@modelcontextprotocol/server-filesystem',
    introduced: '2025.0.0',
    fixed: '2025.7.1',
    id: 'CVE-2025-53110',
    severity: 'high',
    what: 'a folder whose name begins like an allowed one is reachable',
    source: cve('CVE-2025-53110'),
  },
  {
    ecosystem: 'pypi',
    name: 'mcp-server-git',
    introduced: null,
    fixed: '2025.12.17',
    id: 'CVE-2025-68144',
    severity: 'medium',
    what: 'arguments of git_diff and git_checkout overwrite files',
    source: cve('CVE-2025-68144'),
  },
  {
    ...npm,
    name: '@playwright/mcp',
    fixed: '0.0.40',
    id: 'CVE-2025-9611',
    severity: 'high',
    what: 'DNS rebinding lets a web page call its tools',
    source: cve('CVE-2025-9611'),
  },
  {
    ...npm,
    name: 'figma-developer-mcp',
    fixed: '0.6.3',
    id: 'CVE-2025-53967',
    severity: 'high',
    what: 'a request over HTTP runs commands',
    source: cve('CVE-2025-53967'),
  },
  {
    ...npm,
    name: 'mcp-server-kubernetes',
    fixed: '2.5.0',
    id: 'CVE-2025-53355',
    severity: 'high',
    what: 'arguments of several tools run commands',
    source: cve('CVE-2025-53355'),
  },
  {
    ...npm,
    name: 'mcp-server-kubernetes',
    introduced: '2.5.0',
    fixed: '3.9.0',
    id: 'CVE-2026-61459',
    severity: 'high',
    what: "names that are flags send the operator's token to another API server",
    source: cve('CVE-2026-61459'),
  },
  {
    ...npm,
    name: '@cyanheads/git-mcp-server',
    fixed: '2.1.5',
    id: 'CVE-2025-53107',
    severity: 'high',
    what: 'arguments of several tools run commands',
    source: cve('CVE-2025-53107'),
  },
  {
    ...npm,
    name: 'ios-simulator-mcp',
    fixed: '1.3.3',
    id: 'CVE-2025-52573',
    severity: 'high',
    what: 'arguments of ui_tap run commands',
    source: cve('CVE-2025-52573'),
  },
  {
    ...npm,
    name: 'mcp-package-docs',
    fixed: '0.1.27',
    id: 'CVE-2025-54073',
    severity: 'high',
    what: 'arguments of its tools run commands',
    source: cve('CVE-2025-54073'),
  },
  {
    ecosystem: 'pypi',
    name: 'mcp-kubernetes-server',
    introduced: null,
    fixed: '0.1.12',
    id: 'CVE-2025-59377',
    severity: 'high',
    what: 'runs commands even in read-only mode',
    source: cve('CVE-2025-59377'),
  },
  {
    ...npm,
    name: 'postmark-mcp',
    introduced: '1.0.16',
    fixed: null,
    id: 'postmark-mcp-bcc-backdoor',
    severity: 'critical',
    what: 'malicious: sends a copy of every mail to its author',
    source: 'https://github.com/MLSecOpsHub/agentic-attack-index (postmark-mcp-bcc-backdoor)',
  },
  ...(
    [
      ['mcp-server-github', 'MAL-2026-5479'],
      ['mcp-server-git', 'MAL-2026-5478'],
      ['mcp-server-sentry', 'MAL-2026-5483'],
      ['mcp-server-notion', 'MAL-2026-5480'],
    ] as const
  ).map(
    ([name, id]): BadVersions => ({
      ...npm,
      name,
      fixed: null,
      id,
      severity: 'critical',
      what: 'malicious: published under the name of a known server',
      source: `https://osv.dev/vulnerability/${id}`,
    }),
  ),
]

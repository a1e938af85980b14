import { expect, test } from 'vitest'
import { KNOWN_BAD_VERSIONS } from './known-bad-versions.ts'
import { compareVersions, matchBadVersions } from './match-bad-versions.ts'

test.each([
  ['1.2.3', '1.2.3', 0],
  ['1.2.3', '1.2.4', -1],
  ['1.10.0', '1.9.0', 1],
  ['1.0', '1.0.0', 0],
  ['2.0.0-beta.1', '2.0.0', -1],
  ['2.0.0rc1', '2.0.0', -1],
  ['v1.0.0', '1.0.0', 0],
  ['2025.7.01', '2025.7.1', 0],
])('%s against %s', (a, b, expected) => {
  expect(compareVersions(a, b)).toBe(expected)
  expect(compareVersions(b, a)).toBe(expected === 0 ? 0 : -expected)
})

test.each([
  ['npm', 'mcp-remote', '0.0.4', 'exact', []],
  ['npm', 'mcp-remote', '0.0.5', 'exact', ['CVE-2025-6514']],
  ['npm', 'mcp-remote', '0.1.15', 'exact', ['CVE-2025-6514']],
  ['npm', 'mcp-remote', '0.1.16-rc.1', 'exact', ['CVE-2025-6514']],
  ['npm', 'mcp-remote', '0.1.16', 'exact', []],
  ['npm', 'mcp-remote', null, 'none', []],
  ['pypi', 'mcp-remote', '0.1.15', 'exact', []],
  ['npm', '@modelcontextprotocol/inspector', '0.14.0', 'exact', ['CVE-2025-49596']],
  ['npm', '@modelcontextprotocol/inspector', '0.16.5', 'exact', ['CVE-2025-58444']],
  ['npm', '@modelcontextprotocol/server-filesystem', '0.6.3', 'exact', ['CVE-2025-53110']],
  ['npm', '@modelcontextprotocol/server-filesystem', '0.6.4', 'exact', []],
  ['npm', '@modelcontextprotocol/server-filesystem', '2025.3.28', 'exact', ['CVE-2025-53110']],
  ['npm', '@modelcontextprotocol/server-filesystem', '2025.7.1', 'exact', []],
  ['pypi', 'mcp-server-git', '2025.11.25', 'exact', ['CVE-2025-68144']],
  ['npm', 'mcp-server-git', '0.0.2', 'exact', ['MAL-2026-5478']],
  ['npm', 'postmark-mcp', '1.0.15', 'exact', []],
  ['npm', 'postmark-mcp', '1.0.16', 'exact', ['postmark-mcp-bcc-backdoor']],
  ['npm', 'postmark-mcp', null, 'none', ['postmark-mcp-bcc-backdoor']],
] as const)('%s %s %s (%s)', (ecosystem, name, version, pin, ids) => {
  expect(matchBadVersions({ ecosystem, name, version, pin }).map(({ id }) => id)).toEqual(ids)
})

test('each line of the list names its source and a fixed version, or that there is none', () => {
  expect(KNOWN_BAD_VERSIONS.length).toBeGreaterThan(10)
  for (const { source, fixed, introduced, id } of KNOWN_BAD_VERSIONS) {
    expect(source, id).toMatch(/^https:\/\//)
    if (fixed !== null && introduced !== null) expect(compareVersions(introduced, fixed), id).toBe(-1)
  }
})

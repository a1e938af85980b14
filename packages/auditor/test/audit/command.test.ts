import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCli } from '#cli/run.ts'
import { type AuditReport, auditReportSchema } from '#report/model.ts'
import { type Reference, startReference } from '../mutants/reference/start.ts'
import { auditServer } from '../mutants/support/audit-server.ts'
import { startWhole } from '../mutants/support/start-whole.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-audit-'))
let correct: Reference
let open: Reference
/** Correct but for a limit on bad tokens, which would have to be waited for. */
let hasty: Reference

beforeAll(async () => {
  correct = await startReference()
  open = await startReference({ flaw: 'open-to-all' })
  hasty = await startReference({ flaw: 'bad-tokens-without-limit' })
})
afterAll(async () => {
  await correct[Symbol.asyncDispose]()
  await open[Symbol.asyncDispose]()
  await hasty[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const code = await runCli(args, {}, { stdin: Readable.from([]), stdout, stderr, cwd: folder })
  const read = (stream: PassThrough) => String(stream.read() ?? '')
  return { code, out: read(stdout), err: read(stderr) }
}

test('without any credential a correct server has no finding, and what was not tested is not passed', async () => {
  const { code, out } = await cli(correct.url, '--rps', '0', '--format', 'json')
  const report = auditReportSchema.parse(JSON.parse(out))
  expect([code, report.findings, report.access]).toEqual([0, [], 'none'])
  expect(report.checks.find(({ slug }) => slug === 'lifetime')?.verdict).toBe('not tested')
  expect(report.grade).toMatchObject({ letter: 'A', cap: null })
  expect(report.grade.coverage.whole).toBeLessThan(12)
})

test('a server that asks for no token is found out, in every format', async () => {
  expect((await cli(open.url, '--rps', '0')).code).toBe(1)
  for (const format of ['json', 'sarif', 'junit', 'markdown', 'html']) {
    const { code, out } = await cli('audit', open.url, '--rps', '0', '--format', format)
    expect([code, out]).toEqual([1, expect.stringContaining('tools-list-modern')])
  }
  const { code } = await cli(open.url, '--rps', '0', '--public', '--output', 'report.json', '--format', 'json')
  const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as AuditReport
  expect([code, report.checks[0]?.verdict]).toEqual([0, 'not applicable'])
})

test.for([
  ['nothing there', 'http://127.0.0.1:9/mcp', 3],
  ['no MCP server', () => `${correct.url.replace('/mcp', '')}/nowhere`, 3],
  ['no URL', 'not-a-url', 2],
  ['a password in the URL', 'http://a:b@127.0.0.1/mcp', 2],
] as const)('%s has its own exit code', async ([, url, code]) => {
  expect((await cli(typeof url === 'string' ? url : url(), '--rps', '0', '--timeout', '2')).code).toBe(code)
})

test('given tokens are used and stay secret', async () => {
  await using whole = await startWhole()
  const report = await auditServer(whole)
  expect(auditReportSchema.parse(report)).toEqual(report)
  expect(report.grade).toMatchObject({ letter: 'A', isProvisional: false, coverage: { tested: 12, whole: 12 } })
  expect(JSON.stringify(report)).not.toMatch(/eyJ[\w-]{10,}\.eyJ/)
  const file = join(folder, 'token')
  writeFileSync(file, 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2VjcmV0c2lnbmF0dXJl\n')
  const { out } = await cli(open.url, '--rps', '0', '--token-file', file, '--format', 'json')
  expect(out).not.toContain('c2VjcmV0c2lnbmF0dXJl')
})

test('a baseline accepts what was found, and fails once it is gone', async () => {
  const url = hasty.url
  expect((await cli(open.url, '--rps', '0', '--write-baseline', 'accepted.json')).code).toBe(1)
  const again = await cli(open.url, '--rps', '0', '--baseline', 'accepted.json', '--format', 'json')
  const report = auditReportSchema.parse(JSON.parse(again.out))
  expect([again.code, report.findings.every(({ isAccepted }) => isAccepted), report.grade.letter]).toEqual([
    0,
    true,
    'F',
  ])
  expect((await cli(open.url, '--rps', '0', '--baseline', 'accepted.json', '--fail-on', 'grade<B')).code).toBe(1)
  const gone = await cli(url, '--rps', '0', '--baseline', 'accepted.json', '--format', 'json')
  expect([gone.code, JSON.parse(gone.out).baseline.stale.length > 0]).toEqual([1, true])
  writeFileSync(join(folder, 'broken.json'), '{"accepted":[]}')
  expect((await cli(url, '--rps', '0', '--baseline', 'broken.json')).code).toBe(2)
})

test('what has changed since the last run is told, and fails', async () => {
  const first = await cli(hasty.url, '--rps', '0', '--format', 'json', '--output', 'last.json')
  expect(first.code).toBe(0)
  const before = JSON.parse(readFileSync(join(folder, 'last.json'), 'utf8')) as AuditReport
  expect((await cli(hasty.url, '--rps', '0', '--previous', 'last.json')).code).toBe(0)
  before.observations.scopes.push('notes:gone')
  before.observations.tools = { read_note: 'other' }
  writeFileSync(join(folder, 'last.json'), JSON.stringify(before))
  const changed = await cli(hasty.url, '--rps', '0', '--previous', 'last.json', '--watch', '0', '--runs', '2')
  expect([changed.err.match(/scope gone: notes:gone/g)?.length, changed.code]).toEqual([1, 0])
  expect((await cli(hasty.url, '--rps', '0', '--previous', 'last.json')).code).toBe(1)
})

test('without leave nothing is registered, whatever else is given', async () => {
  const file = join(folder, 'some-token')
  writeFileSync(file, 'not-a-token')
  const { out } = await cli(hasty.url, '--rps', '0', '--client-id', 'none', '--token-file', file, '--format', 'json')
  const report = auditReportSchema.parse(JSON.parse(out))
  expect(report.mayWrite).toBe(false)
  expect(JSON.stringify(report.findings)).not.toContain('/register')
  // Whether the server fetches the document of a client is asked without being one.
  const others = report.checks[6]?.probes.filter(({ code }) => code !== 'registration.document-of-loopback')
  expect(others?.every(({ verdict }) => verdict.startsWith('not '))).toBe(true)
})

test('a report that was kept is graded the same again, and a letter that somebody changed is told', async () => {
  await cli(open.url, '--rps', '0', '--format', 'json', '--output', 'kept.json')
  const printed = await cli('report', 'kept.json', '--format', 'markdown')
  expect([printed.code, printed.out]).toEqual([0, expect.stringContaining('tools-list-modern')])
  const kept = JSON.parse(readFileSync(join(folder, 'kept.json'), 'utf8')) as AuditReport
  writeFileSync(join(folder, 'kept.json'), JSON.stringify({ ...kept, grade: { ...kept.grade, letter: 'A' } }))
  const changed = await cli('report', 'kept.json')
  expect([changed.code, changed.err]).toEqual([1, expect.stringContaining('says A; what was seen is F')])
  expect((await cli('report', 'nothing.json')).code).toBe(2)
})

test('a configuration file of a client names the target; nothing else of it is used', async () => {
  const started = join(folder, 'started')
  const servers = {
    open: { type: 'http', url: open.url, headers: { Authorization: 'Bearer of-the-file' } },
    local: { command: 'touch', args: [started] },
  }
  const write = (file: string, value: unknown) => writeFileSync(join(folder, file), JSON.stringify(value))
  write('mcp.json', { mcpServers: servers })
  write('vscode.json', { servers: { ...servers, hasty: { url: hasty.url } } })
  writeFileSync(join(folder, 'config.toml'), `[mcp_servers.open]\nurl = "${open.url}"\n`)

  const direct = await cli('mcp.json', '--rps', '0', '--format', 'json')
  const report = auditReportSchema.parse(JSON.parse(direct.out))
  expect([direct.code, report.target.url, report.access]).toEqual([1, open.url, 'none'])
  expect(direct.out).not.toContain('of-the-file')
  expect(existsSync(started)).toBe(false)
  expect((await cli('config.toml', '--rps', '0')).code).toBe(1)
  expect((await cli('vscode.json', '--server', 'hasty', '--rps', '0')).code).toBe(0)

  const several = await cli('vscode.json', '--rps', '0')
  expect([several.code, several.err]).toEqual([2, expect.stringContaining('open, hasty')])
  const unknown = await cli('mcp.json', '--server', 'local', '--rps', '0')
  expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('no server local that is called over HTTP')])
})

test.for([
  ['no servers', 'a.json', '{}', 'names no server'],
  ['only a server that is started', 'b.json', '{"mcpServers":{"a":{"command":"x"}}}', 'inventory --start'],
  [
    'a part that the client fills in',
    'c.json',
    '{"mcpServers":{"a":{"url":"https://x.example/${env:TENANT}/mcp"}}}',
    'fills in',
  ],
  ['a password in the URL', 'd.json', '{"mcpServers":{"a":{"url":"https://u:hunter2@x.example/mcp"}}}', 'password'],
  ['no JSON', 'e.json', '{"secret":"hunter2"', 'not JSON'],
  ['not there', 'gone.json', null, 'can not be read'],
  ['no configuration file', 'notes.txt', 'hunter2', 'URL of the endpoint'],
] as const)('a configuration file with %s is a clear error', async ([, file, text, words]) => {
  if (text !== null) writeFileSync(join(folder, file), text)
  const { code, err } = await cli(file, '--rps', '0')
  expect([code, err]).toEqual([2, expect.stringContaining(words)])
  expect(err).not.toContain('hunter2')
})

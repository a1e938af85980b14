import { createHash, randomBytes } from 'node:crypto'
import { type AuditReport, REPORT_VERSION } from '#report/model.ts'
import type { Transcript } from '#report/transcript-model.ts'
import { Audit } from './audit.ts'
import { Recorder } from './exchange/recorder.ts'
import { Recording } from './exchange/recording.ts'
import { redactText } from './exchange/redact.ts'
import { type Tape, worldTape } from './exchange/tape.ts'
import { gradeChecks } from './grade-checks.ts'
import { takeNotes } from './notes.ts'
import { type AuditOptions, identitiesOf } from './options.ts'
import { reportFindings } from './report-findings.ts'
import { RUBRIC } from './rubric.ts'
import { type Asked, runChecks, sumUp } from './run-checks.ts'
import { discover } from './target/discover.ts'
import { LEGACY_VERSION, MODERN_VERSION } from './target/mcp-message.ts'

/**
 * Audits one MCP server. Sends nothing but to it and to what it names, and removes again what it registered. With a tape it sees what that has,
 * or what is seen is written down there.
 */
export function runAudit(options: AuditOptions, tape: Tape = worldTape(randomBytes(32))): Promise<AuditReport> {
  return auditWith(options, recorderOf(options, tape))
}

/** The same, and all that was asked and seen; the transcript is null when that was too much. */
export async function recordAudit(
  options: AuditOptions,
): Promise<{ readonly report: AuditReport; readonly transcript: Transcript | null }> {
  const recording = new Recording(randomBytes(32))
  const recorder = recorderOf(options, recording)
  const report = await auditWith(options, recorder)
  return { report, transcript: recording.transcript(options, recorder.secrets) }
}

function recorderOf(options: AuditOptions, tape: Tape): Recorder {
  const { requestsPerSecond, timeoutMs, authority, tokens, foreignTokens, startedAt } = options
  return new Recorder({
    target: new URL(options.url),
    requestsPerSecond,
    timeoutMs,
    authority,
    tokens: [...tokens, ...foreignTokens],
    startedAt,
    tape,
  })
}

async function auditWith(given: AuditOptions, recorder: Recorder): Promise<AuditReport> {
  const options = { ...given, people: given.people.map((person, who) => recorder.watched(person, who)) }
  options.progress('looking for the server and its metadata')
  const target = await discover(recorder, options.url)
  const audit = new Audit(options, target, recorder)
  const { asked, tools, notes } =
    target.failure === null
      ? await runWithCleanUp(audit, recorder)
      : { asked: await runChecks(audit, recorder, 'transport.certificate'), tools: null, notes: [] }
  const checks = sumUp(asked)
  const findings = reportFindings(options.url, asked, recorder)
  const identities = identitiesOf(options)
  return {
    kind: 'audit',
    reportVersion: REPORT_VERSION,
    rubric: RUBRIC,
    tool: { name: 'sallyport-audit', version: options.version },
    target: { url: options.url, name: null },
    startedAt: options.startedAt.toISOString(),
    durationMs: recorder.nowMs,
    access: identities === 0 ? 'none' : identities === 1 ? 'one login' : 'two logins',
    mayWrite: options.mayWrite,
    requests: recorder.count,
    outcome: target.failure === null ? 'audited' : 'unreachable',
    outcomeDetail: target.failure === null ? null : redactText(target.failure, false),
    grade: gradeChecks(checks, findings),
    checks,
    findings,
    notes: [...notes],
    observations: observe(audit, tools),
    baseline: null,
  }
}

interface Ran {
  readonly asked: readonly Asked[]
  readonly tools: AuditReport['observations']['tools']
  readonly notes: readonly string[]
}

async function runWithCleanUp(audit: Audit, recorder: Recorder): Promise<Ran> {
  try {
    const { value: tools } = await recorder.under('login', async () => {
      const tokens = await audit.logins.full(0).catch(() => null)
      if (tokens === null && audit.target.demandsToken) return null
      await audit.learnEras(tokens?.accessToken ?? null)
      const listed = await audit.toolsFor(tokens?.accessToken ?? null)
      return Object.fromEntries(listed.map(({ name, definition }) => [redactText(name, false), hashOf(definition)]))
    })
    const asked = await runChecks(audit, recorder)
    const { value: notes } = await recorder.under('notes', () => takeNotes(audit))
    return { asked, tools, notes: notes.map((note) => redactText(note, false)) }
  } finally {
    await recorder.under('clean-up', () => audit.logins.forgetAll())
  }
}

/** What the next run compares with. */
function observe({ target, eras }: Audit, tools: AuditReport['observations']['tools']): AuditReport['observations'] {
  const documents = [...target.resourceDocuments, ...(target.authorizationServer?.documents ?? [])]
  const metadata = documents.flatMap(({ url, value }) =>
    value === null ? [] : [[redactText(url, false), hashOf(value)] as const],
  )
  const scopes = target.resource?.value?.['scopes_supported']
  return {
    eras: [...eras],
    protocolVersions: eras.map((era) => (era === 'modern' ? MODERN_VERSION : LEGACY_VERSION)),
    metadata: Object.fromEntries(metadata),
    authorizationServers:
      target.authorizationServer === null ? [] : [redactText(target.authorizationServer.identifier, false)],
    scopes: (Array.isArray(scopes) ? scopes : [])
      .filter((one): one is string => typeof one === 'string')
      .map((scope) => redactText(scope, false)),
    tools,
  }
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex')
}

/** The same text for the same value, in whatever order its members came (RFC 8785 in short). */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}

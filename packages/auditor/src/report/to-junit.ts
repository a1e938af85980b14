import type { InventoryReport } from '#inventory/inventory-report.ts'
import type { AuditReport, Finding, ProbeResult } from './model.ts'
import { placeOf, type Report } from './outline.ts'

/**
 * JUnit XML, as CI systems read it: of an audit each probe is a test, of an inventory each server. What was not tested
 * is skipped, what could not be decided is an error; accepted findings don't fail.
 */
export function toJunit(reports: readonly Report[]): string {
  const suites = reports.map((report) => (report.kind === 'audit' ? auditSuite(report) : inventorySuite(report)))
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites, '</testsuites>', ''].join('\n')
}

interface Case {
  readonly className: string
  readonly name: string
  readonly outcome: 'passed' | 'failure' | 'error' | 'skipped'
  readonly message: string
  readonly text: string
}

function auditSuite(report: AuditReport): string {
  const accepted = new Set(report.findings.filter(({ isAccepted }) => isAccepted).map(({ code }) => code))
  const cases = report.checks.flatMap(({ slug, probes }) =>
    probes.map((probe) => caseOfProbe(slug, probe, accepted, report.findings)),
  )
  const reached: Case[] =
    report.outcome === 'audited'
      ? []
      : [
          {
            className: 'audit',
            name: 'the target is reached',
            outcome: 'error',
            message: report.outcomeDetail ?? '',
            text: '',
          },
        ]
  return suite(report.target.url, report.startedAt, report.durationMs, [...reached, ...cases])
}

function caseOfProbe(
  slug: string,
  probe: ProbeResult,
  accepted: ReadonlySet<string>,
  findings: readonly Finding[],
): Case {
  const name = probe.era === null ? probe.title : `${probe.title} (${probe.era})`
  const found = findings.find(({ code }) => code === probe.code)
  return {
    className: slug,
    name,
    outcome: probe.verdict === 'fail' && accepted.has(probe.code) ? 'passed' : OUTCOMES[probe.verdict],
    message: `${probe.code}: ${probe.detail}`,
    text: found === undefined ? probe.detail : textOf(found),
  }
}

const OUTCOMES = {
  pass: 'passed',
  warn: 'passed',
  fail: 'failure',
  inconclusive: 'error',
  'not tested': 'skipped',
  'not applicable': 'skipped',
} as const satisfies Readonly<Record<ProbeResult['verdict'], Case['outcome']>>

function inventorySuite(report: InventoryReport): string {
  const of = (id: string): Finding[] =>
    report.findings.filter(({ subject }) => subject.kind !== 'server' && subject.server === id)
  const cases = report.servers.map(({ id, client }): Case => {
    const findings = of(id)
    const failing = findings.filter(({ verdict, isAccepted }) => verdict === 'fail' && !isAccepted)
    return {
      className: client,
      name: id,
      outcome: failing.length === 0 ? 'passed' : 'failure',
      message: failing.map(({ code, detail }) => `${code}: ${detail}`).join('; '),
      text: findings.map(textOf).join('\n\n'),
    }
  })
  const problems = report.problems.map(
    ({ client, file, problem }): Case => ({
      className: client,
      name: file,
      outcome: 'error',
      message: problem,
      text: '',
    }),
  )
  return suite('inventory', report.takenAt, 0, [...cases, ...problems])
}

function textOf(finding: Finding): string {
  const fixes = finding.fixes.map(({ stack, text }) => (stack === 'any' ? text : `${stack}: ${text}`))
  return [`${finding.severity}: ${finding.title}`, placeOf(finding), finding.detail, finding.why, ...fixes].join('\n')
}

function suite(name: string, timestamp: string, durationMs: number, cases: readonly Case[]): string {
  const count = (outcome: Case['outcome']): number => cases.filter((one) => one.outcome === outcome).length
  const head = attributes({
    name,
    tests: String(cases.length),
    failures: String(count('failure')),
    errors: String(count('error')),
    skipped: String(count('skipped')),
    time: (durationMs / 1000).toFixed(3),
    timestamp,
  })
  return [`  <testsuite${head}>`, ...cases.map(caseXml), '  </testsuite>'].join('\n')
}

function caseXml({ className, name, outcome, message, text }: Case): string {
  const head = `    <testcase${attributes({ classname: className, name, time: '0' })}`
  if (outcome === 'passed')
    return text === '' ? `${head}/>` : `${head}><system-out>${xml(text)}</system-out></testcase>`
  if (outcome === 'skipped') return `${head}><skipped${attributes({ message })}/></testcase>`
  return `${head}><${outcome}${attributes({ message })}>${xml(text)}</${outcome}></testcase>`
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${xml(value).replace(/[\n\t]/g, ' ')}"`)
    .join('')
}

/** XML 1.0 §2.2: some characters may not even be written as references; they become U+FFFD. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

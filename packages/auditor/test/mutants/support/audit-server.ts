import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { AuditOptions, Person as AuditPerson, CanaryUpstream, SafeCall } from '#audit/options.ts'
import { replayAudit } from '#audit/replay-audit.ts'
import { recordAudit } from '#audit/run-audit.ts'
import type { AuditReport } from '#report/model.ts'
import { transcriptSchema } from '#report/transcript-model.ts'
import { REDIRECT_URI } from './flow.ts'
import { Person } from './person.ts'

/** A server under audit, and what the auditor is told of it. */
export interface Audited {
  readonly url: string
  readonly secondUrl: string | null
  readonly authority: string | null
  readonly isPublic?: boolean
  /** Where the clock of the server can be moved, nothing is waited for. */
  advance?: ((ms: number) => void) | undefined
  /** Whether the authorization server's clock moves with it. */
  readonly isPatient?: boolean
  readonly foreignTokens?: readonly string[]
  readonly safeCalls?: readonly SafeCall[]
  readonly upstream?: CanaryUpstream | null
}

/**
 * Audits a server with everything that the auditor can be given: two people, another resource, leave to register. The same transcript gives the same
 * grade, and every verdict, detail and exchange with it.
 */
export async function auditServer(audited: Audited): Promise<AuditReport> {
  const { report, transcript } = await recordAudit(optionsFor(audited))
  const written: unknown = JSON.parse(JSON.stringify(transcript))
  expect(await replayAudit(transcriptSchema.parse(written))).toEqual(report)
  return report
}

/** What the auditor is given for it. */
export function optionsFor({
  url,
  secondUrl,
  authority,
  isPublic = false,
  advance,
  isPatient = false,
  foreignTokens = [],
  safeCalls = [],
  upstream = null,
}: Audited): AuditOptions {
  advance?.(0)
  return {
    url,
    isPublic,
    mayWrite: true,
    people: isPublic ? [] : [personOf('alice', authority), personOf('bob', authority)],
    tokens: [],
    devices: 0,
    client: null,
    otherResource: secondUrl,
    foreignTokens,
    safeCalls,
    upstream,
    requestsPerSecond: 0,
    timeoutMs: 3000,
    authority,
    patienceSeconds: isPatient ? 1_000_000 : 0,
    wait: async (ms) => (advance === undefined ? sleep(ms) : advance(ms)),
    version: '0.0.0',
    startedAt: new Date(),
    progress: () => undefined,
  }
}

function personOf(name: 'alice' | 'bob', authority: string | null): AuditPerson {
  const person = new Person(name, authority)
  return {
    redirectUri: REDIRECT_URI,
    authorize: async (url, { isHandsOff }) =>
      isHandsOff ? ((await person.watch(url)) ?? 'page') : await person.authorize(url).catch(() => 'page' as const),
  }
}

/** One line for each probe of these verdicts. */
export function linesOf({ checks }: AuditReport, ...verdicts: readonly string[]): string[] {
  return checks.flatMap(({ number, probes }) =>
    probes
      .filter(({ verdict }) => verdicts.includes(verdict))
      .map(
        ({ code, era, verdict, detail }) => `${number} ${verdict} ${code}${era === null ? '' : ` (${era})`}: ${detail}`,
      ),
  )
}

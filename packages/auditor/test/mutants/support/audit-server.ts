import { setTimeout as sleep } from 'node:timers/promises'
import type { Person as AuditPerson } from '#audit/options.ts'
import { runAudit } from '#audit/run-audit.ts'
import type { AuditReport } from '#report/model.ts'
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
}

/** Audits a server with everything that the auditor can be given: two people, another resource, leave to register. */
export function auditServer({
  url,
  secondUrl,
  authority,
  isPublic = false,
  advance,
  isPatient = false,
}: Audited): Promise<AuditReport> {
  advance?.(0)
  return runAudit({
    url,
    isPublic,
    mayWrite: true,
    people: isPublic ? [] : [personOf('alice', authority), personOf('bob', authority)],
    tokens: [],
    devices: 0,
    client: null,
    otherResource: secondUrl,
    requestsPerSecond: 0,
    timeoutMs: 3000,
    authority,
    patienceSeconds: isPatient ? 1_000_000 : 0,
    wait: async (ms) => (advance === undefined ? sleep(ms) : advance(ms)),
    version: '0.0.0',
    startedAt: new Date(),
    progress: () => undefined,
  })
}

function personOf(name: 'alice' | 'bob', authority: string | null): AuditPerson {
  const person = new Person(name, authority)
  return {
    redirectUri: REDIRECT_URI,
    authorize: (url, { isHandsOff }) => (isHandsOff ? person.watch(url) : person.authorize(url)).catch(() => null),
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

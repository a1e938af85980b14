import type { AuditReport } from '#report/model.ts'
import type { Transcript } from '#report/transcript-model.ts'
import { Playback } from './exchange/playback.ts'
import type { Person } from './options.ts'
import { runAudit } from './run-audit.ts'

/**
 * Runs the checks on what an earlier audit saw: the same transcript gives the same report, by the same version. Nothing is sent and nothing is
 * waited for. What these checks ask and the transcript has no answer for is not tested. Throws `NotRecorded` where not even the target is
 * described as far as these checks need it.
 */
export function replayAudit(transcript: Transcript): Promise<AuditReport> {
  const { given, tool, startedAt } = transcript
  return runAudit(
    {
      ...given,
      people: given.people.map(({ redirectUri }): Person => ({ redirectUri, authorize: () => Promise.resolve(null) })),
      // What came there stands in the recording.
      upstream: given.upstream ? { requests: () => [] } : null,
      requestsPerSecond: 0,
      timeoutMs: 0,
      authority: null,
      wait: () => Promise.resolve(),
      version: tool.version,
      startedAt: new Date(startedAt),
      progress: () => undefined,
    },
    new Playback(transcript),
  )
}

import { describe, expect, test } from 'vitest'
import type { Measured } from '../measure.ts'
import { type Probes, streamProblems } from '../probe-all.ts'
import { sampleMeasured, sampleResults } from '../sample-results.ts'
import { summarise } from '../summary.ts'
import { believedTokens, type CandidateProblem, leakedSecrets } from './void-candidate.ts'
import { type Shown, voidReasons } from './void-measurement.ts'

/** Sixteen connections, 4,000 calls a second, 4 ms each: as Little's law has it. */
const GOOD: Shown = {
  connections: 16,
  counted: 12_000,
  perSecond: 4_000,
  p50Ms: 3.5,
  meanMs: 4,
  answered: 16_016,
  wrong: 0,
  problems: [],
  isQuiet: true,
  recorded: 16_016,
}

/** What is left of a cell's numbers when this is what was found. */
function cellOf(measured: Partial<Measured>, problems: readonly CandidateProblem[] = []) {
  const [row] = summarise(sampleResults([sampleMeasured('gateway', 1, measured)], { problems }))
  return row
}
const VOID = { cpuMicros: null, perSecond: null, p50Ms: null, voided: 1 }

test('what is as it should be counts', () => {
  expect(voidReasons(GOOD)).toEqual([])
  expect(voidReasons({ ...GOOD, recorded: null })).toEqual([])
  expect(voidReasons({ ...GOOD, p50Ms: 1.9, isQuiet: false })).toEqual([])
  expect(cellOf({ void: voidReasons(GOOD) })).toMatchObject({ voided: 0, cpuMicros: { median: 100 } })
})

describe('a cell is void', () => {
  test.each<[string, Partial<Shown>, string]>([
    ['when an answer was not 2xx', { problems: ['1 × status 503: no'], wrong: 1, answered: 16_015 }, 'status 503'],
    ['when an answer was wrong and nobody kept how', { wrong: 1, answered: 16_015 }, '1 wrong answers'],
    ['when nothing was answered within the time', { counted: 0, perSecond: 0 }, 'no answer'],
    ['when half of the calls hung', { meanMs: 2 }, '8.0 calls under way'],
    ['when half of the calls hung, on a busy machine too', { meanMs: 2, isQuiet: false }, '8.0 calls under way'],
    ["when p50 is more than twice what Little's law gives", { p50Ms: 8.1 }, 'p50 of 8.10 ms'],
    ["when p50 is less than half of what Little's law gives", { p50Ms: 1.9 }, 'p50 of 1.90 ms'],
    ['when a call has no record', { recorded: 16_015 }, '16015 recorded outcomes for 16016 calls'],
    ['when a call has two records', { recorded: 16_017 }, '16017 recorded outcomes for 16016 calls'],
    ['when a wrong answer has no record', { wrong: 1, problems: ['1 × status 500'] }, '16016 recorded'],
  ])('%s', (_, changed, reason) => {
    const reasons = voidReasons({ ...GOOD, ...changed })
    expect(reasons.join('; ')).toContain(reason)
    expect(cellOf({ void: reasons })).toMatchObject(VOID)
  })

  test.each(['missing', 'tampered', 'expired', 'of another audience'])(
    'when a token %s was not answered with 401',
    (fault) => {
      const statuses = { missing: 401, tampered: 401, expired: 401, 'of another audience': 401 }
      expect(believedTokens(statuses)).toEqual([])
      for (const status of [200, 202, 403, 404, 500]) {
        const reasons = believedTokens({ ...statuses, [fault]: status })
        expect(reasons).toEqual([`a token ${fault} was answered with ${status}`])
        expect(cellOf({}, ofEverything(reasons))).toMatchObject({ ...VOID, reasons })
      }
    },
  )

  const SECRET = 'inner-door-0123456789'
  test.each(['read_planted_whole_json', 'read_planted_split_json', 'read_planted_whole_sse', 'read_planted_split_sse'])(
    'when the secret that %s gives away came through',
    (tool) => {
      const refused = { tool, body: '{"error":{}}', planted: [SECRET] }
      expect(leakedSecrets([refused], SECRET)).toEqual([])
      const reasons = leakedSecrets([{ ...refused, body: `data: "${SECRET}"` }], SECRET)
      expect(reasons).toEqual([`${tool}: the planted secret came through`])
      expect(cellOf({}, ofEverything(reasons))).toMatchObject({ ...VOID, reasons })
    },
  )

  test('when nothing was planted, so that nothing was tried', () => {
    const reasons = leakedSecrets([{ tool: 'x', body: '', planted: ['somebody-else'] }], SECRET)
    expect(cellOf({}, ofEverything(reasons))).toMatchObject({ ...VOID, reasons: ['x: nothing was planted'] })
  })
})

describe('cells with event streams are void, and no others,', () => {
  const stalled = (mibPerReader: number) => ({
    candidate: 'gateway',
    readers: 8,
    mibPerReader,
    passedMiB: 3,
    foreignCpus: 0,
  })
  const idle = (open: number) => ({ candidate: 'gateway', asked: 1_000, open, kibPerStream: 30, foreignCpus: 0 })
  const probes = (stalledReaders: Probes['stalledReaders'], idleStreams: Probes['idleStreams']): Probes => ({
    inspection: { failed: 'not asked' },
    start: { failed: 'not asked' },
    revocation: { failed: 'not asked' },
    stalledReaders,
    idleStreams,
  })

  test.each<[string, Probes, string]>([
    [
      'when one stalled reader takes more than 50 MiB',
      probes([stalled(50.1)], [idle(1_000)]),
      'stalled reader took 50',
    ],
    ['when fewer streams than asked for are served', probes([stalled(0.5)], [idle(999)]), 'only 999 of 1000'],
    ['when the readers did not stall', probes([{ candidate: 'gateway', failed: '2 of 8' }], [idle(1_000)]), '2 of 8'],
    ['when the streams could not be asked for', probes([], [{ candidate: 'gateway', failed: 'reset' }]), 'reset'],
  ])('%s', (_, found, reason) => {
    const problems = streamProblems(found)
    expect(problems.map((one) => one.reason).join()).toContain(reason)
    expect(cellOf({ cell: 'sse' }, problems)).toMatchObject(VOID)
    expect(cellOf({ cell: 'call' }, problems)).toMatchObject({ voided: 0 })
  })

  test('unless all is well', () => {
    expect(streamProblems(probes([stalled(0.9)], [idle(1_000)]))).toEqual([])
  })
})

function ofEverything(reasons: readonly string[]): CandidateProblem[] {
  return reasons.map((reason) => ({ candidate: 'gateway', of: 'everything', reason }))
}

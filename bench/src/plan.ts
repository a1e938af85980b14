import type { AnswerForm, PayloadSize } from './payload.ts'

export const CANDIDATE_NAMES = [
  'direct',
  'gateway',
  'haproxy-cached',
  'haproxy-es256',
  'nginx',
  'sdk-proxy',
  'mcp-proxy',
  'supergateway',
] as const
const TLS_NAMES = ['gateway-tls', 'haproxy-cached-tls', 'nginx-tls'] as const
const TWO_NAMES = ['haproxy-cached-2'] as const
/** Another checkout's gateway: before and after in one run. */
export const AGAINST_NAME = 'gateway-against' as const
export type CandidateName =
  | (typeof CANDIDATE_NAMES)[number]
  | (typeof TLS_NAMES)[number]
  | (typeof TWO_NAMES)[number]
  | typeof AGAINST_NAME

/** One thing that is measured, for each of its candidates. */
export interface Cell {
  readonly name: string
  readonly size: PayloadSize
  readonly form: AnswerForm
  readonly connections: number
  /** Live tokens used in turn. */
  readonly tokens: number
  readonly candidates: readonly CandidateName[]
  /** Whose numbers the ratios are over. */
  readonly base: CandidateName
}

export interface Plan {
  readonly mode: 'full' | 'quick' | 'guard'
  readonly rounds: number
  readonly warmMs: number
  readonly measureMs: number
  readonly cells: readonly Cell[]
  /** Idle streams opened at once; 0: that probe is left out. */
  readonly idleStreams: number
}

const FORWARDERS = ['direct', 'gateway', 'haproxy-cached', 'nginx'] as const
const BARRED = ['direct', 'gateway', 'haproxy-cached', 'sdk-proxy'] as const

function cell(name: string, parts: Partial<Cell> & Pick<Cell, 'connections'>): Cell {
  return { name, size: 'small', form: 'json', tokens: 1, candidates: CANDIDATE_NAMES, base: 'gateway', ...parts }
}

export const PLANS: Readonly<Record<Plan['mode'], Plan>> = {
  full: {
    mode: 'full',
    rounds: 5,
    warmMs: 5_000,
    measureMs: 5_000,
    idleStreams: 1_000,
    cells: [
      cell('300 B, 1 connection', { connections: 1 }),
      cell('300 B, 16 connections', { connections: 16 }),
      cell('300 B, 64 connections', { connections: 64 }),
      cell('300 B, 256 connections', { connections: 256 }),
      cell('10 KB, 16 connections', { connections: 16, size: 'medium' }),
      cell('1 MB, 4 connections', { connections: 4, size: 'large' }),
      cell('300 B in SSE, 16 connections', { connections: 16, form: 'sse', candidates: [...FORWARDERS, 'sdk-proxy'] }),
      cell('10 KB in SSE, 16 connections', { connections: 16, size: 'medium', form: 'sse', candidates: FORWARDERS }),
      cell('1 MB in SSE, 4 connections', { connections: 4, size: 'large', form: 'sse', candidates: FORWARDERS }),
      cell('300 B, 1,000 tokens', { connections: 16, tokens: 1_000, candidates: ['gateway', 'haproxy-cached'] }),
      cell('300 B, 100,000 tokens', { connections: 16, tokens: 100_000, candidates: ['gateway', 'haproxy-cached'] }),
      cell('300 B over TLS, 16 connections', { connections: 16, candidates: TLS_NAMES, base: 'gateway-tls' }),
      cell('300 B, two processes or threads, 64 connections', {
        connections: 64,
        candidates: ['haproxy-cached', ...TWO_NAMES],
        base: 'haproxy-cached',
      }),
    ],
  },
  quick: {
    mode: 'quick',
    rounds: 2,
    warmMs: 1_200,
    measureMs: 1_500,
    idleStreams: 0,
    cells: [
      cell('300 B, 1 connection', { connections: 1, candidates: BARRED }),
      cell('300 B, 16 connections', { connections: 16 }),
      cell('10 KB, 16 connections', { connections: 16, size: 'medium', candidates: BARRED }),
      cell('1 MB, 4 connections', { connections: 4, size: 'large', candidates: FORWARDERS }),
      cell('300 B in SSE, 16 connections', { connections: 16, form: 'sse', candidates: FORWARDERS }),
    ],
  },
  guard: {
    mode: 'guard',
    rounds: 2,
    warmMs: 1_500,
    measureMs: 1_000,
    idleStreams: 0,
    cells: [cell('300 B, 16 connections', { connections: 16, candidates: ['gateway', 'sdk-proxy'] })],
  },
}

/** What is asked for and cannot be measured, with the reason. */
export const NOT_APPLICABLE: readonly { readonly what: string; readonly reason: string }[] = [
  {
    what: 'two gateway processes',
    reason: 'on SQLite one process owns the state, and a second `serve` on it refuses; needs the PostgreSQL store',
  },
]

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

export function isCandidateName(name: string): name is CandidateName {
  return [...CANDIDATE_NAMES, ...TLS_NAMES, ...TWO_NAMES, AGAINST_NAME].some((known) => known === name)
}

/** One thing that is measured, for each of its candidates. */
export interface Cell {
  /** For the command line and the files of results. */
  readonly id: string
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
  readonly mode: 'full' | 'quick' | 'guard' | 'one'
  readonly rounds: number
  readonly warmMs: number
  /** A candidate's very first warm-up takes this much longer: compilers and pools are cold. */
  readonly firstWarmMs: number
  readonly measureMs: number
  readonly cells: readonly Cell[]
  /** Idle streams opened at once; 0: that probe is left out. */
  readonly idleStreams: number
}

const FORWARDERS = ['direct', 'gateway', 'haproxy-cached', 'nginx'] as const
const BARRED = ['direct', 'gateway', 'haproxy-cached', 'sdk-proxy'] as const

function cell(id: string, name: string, parts: Partial<Cell> & Pick<Cell, 'connections'>): Cell {
  return { id, name, size: 'small', form: 'json', tokens: 1, candidates: CANDIDATE_NAMES, base: 'gateway', ...parts }
}

const CELLS: readonly Cell[] = [
  cell('call-1', '300 B, 1 connection', { connections: 1 }),
  cell('call', '300 B, 16 connections', { connections: 16 }),
  cell('call-64', '300 B, 64 connections', { connections: 64 }),
  cell('call-256', '300 B, 256 connections', { connections: 256 }),
  cell('call-10k', '10 KB, 16 connections', { connections: 16, size: 'medium' }),
  cell('call-1m', '1 MB, 4 connections', { connections: 4, size: 'large' }),
  cell('sse', '300 B in SSE, 16 connections', {
    connections: 16,
    form: 'sse',
    candidates: [...FORWARDERS, 'sdk-proxy'],
  }),
  cell('sse-10k', '10 KB in SSE, 16 connections', {
    connections: 16,
    size: 'medium',
    form: 'sse',
    candidates: FORWARDERS,
  }),
  cell('sse-1m', '1 MB in SSE, 4 connections', { connections: 4, size: 'large', form: 'sse', candidates: FORWARDERS }),
  cell('tokens-1000', '300 B, 1,000 tokens', {
    connections: 16,
    tokens: 1_000,
    candidates: ['gateway', 'haproxy-cached'],
  }),
  cell('tokens-100000', '300 B, 100,000 tokens', {
    connections: 16,
    tokens: 100_000,
    candidates: ['gateway', 'haproxy-cached'],
  }),
  cell('tls', '300 B over TLS, 16 connections', { connections: 16, candidates: TLS_NAMES, base: 'gateway-tls' }),
  cell('two', '300 B, two processes or threads, 64 connections', {
    connections: 64,
    candidates: ['haproxy-cached', ...TWO_NAMES],
    base: 'haproxy-cached',
  }),
]
export const CELL_IDS: readonly string[] = CELLS.map(({ id }) => id)

/** Some of the cells, with fewer candidates where so said. */
function cellsOf(wanted: Readonly<Record<string, readonly CandidateName[] | null>>): Cell[] {
  return CELLS.filter(({ id }) => id in wanted).map((one) => ({ ...one, candidates: wanted[one.id] ?? one.candidates }))
}

export const PLANS: Readonly<Record<Plan['mode'], Plan>> = {
  full: {
    mode: 'full',
    rounds: 5,
    warmMs: 5_000,
    firstWarmMs: 0,
    measureMs: 5_000,
    idleStreams: 1_000,
    cells: CELLS,
  },
  quick: {
    mode: 'quick',
    rounds: 2,
    warmMs: 1_200,
    firstWarmMs: 2_000,
    measureMs: 1_500,
    idleStreams: 0,
    cells: cellsOf({ 'call-1': BARRED, call: null, 'call-10k': BARRED, 'call-1m': FORWARDERS, sse: FORWARDERS }),
  },
  guard: {
    mode: 'guard',
    rounds: 2,
    warmMs: 1_500,
    firstWarmMs: 0,
    measureMs: 1_000,
    idleStreams: 0,
    cells: cellsOf({ call: ['gateway', 'sdk-proxy'] }),
  },
  one: {
    mode: 'one',
    rounds: 3,
    warmMs: 1_500,
    firstWarmMs: 3_500,
    measureMs: 3_000,
    idleStreams: 0,
    cells: CELLS,
  },
}

/** What is asked for and cannot be measured, with the reason. */
export const NOT_APPLICABLE: readonly { readonly what: string; readonly reason: string }[] = [
  {
    what: 'two gateway processes',
    reason: 'on SQLite one process owns the state, and a second `serve` on it refuses; needs the PostgreSQL store',
  },
]

import type { Wire } from './load/messages.ts'
import type { AnswerForm, PayloadSize } from './payload.ts'

const PEERS = ['mcp-proxy', 'supergateway'] as const
const CANDIDATE_NAMES = [
  'direct',
  'gateway',
  'haproxy-cached',
  'haproxy-es256',
  'nginx',
  'sdk-proxy',
  ...PEERS,
  'gateway-many',
  'haproxy-many',
  'gateway-tls',
  'haproxy-cached-tls',
  'nginx-tls',
  'gateway-two',
  'haproxy-cached-2',
] as const
/** Another checkout's gateway: before and after in one run. */
export const AGAINST_NAME = 'gateway-against' as const
export type CandidateName = (typeof CANDIDATE_NAMES)[number] | typeof AGAINST_NAME

export function isCandidateName(name: string): name is CandidateName {
  return [...CANDIDATE_NAMES, AGAINST_NAME].some((known) => known === name)
}

/** One thing that is measured, for each of its candidates. */
export interface Cell {
  /** For the command line and the files of results. */
  readonly id: string
  readonly name: string
  readonly wire: Wire
  readonly size: PayloadSize
  readonly form: AnswerForm
  readonly connections: number
  /** Live tokens used in turn. */
  readonly tokens: number
  readonly candidates: readonly CandidateName[]
  /** Whose numbers the ratios are over. */
  readonly base: CandidateName
  /** Cells of one group share their rounds. */
  readonly group: 'all' | 'tokens'
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

const BARRED = ['direct', 'gateway', 'haproxy-cached', 'sdk-proxy'] as const
const EVERYBODY = ['direct', 'gateway', 'haproxy-cached', 'haproxy-es256', 'nginx', 'sdk-proxy', ...PEERS] as const
const PROXIES = ['gateway', 'haproxy-cached', 'nginx', 'sdk-proxy'] as const
const FORWARDERS = ['gateway', 'haproxy-cached', 'nginx'] as const

function cell(id: string, name: string, parts: Partial<Cell> & Pick<Cell, 'connections' | 'candidates'>): Cell {
  return { id, name, wire: 'legacy', size: 'small', form: 'json', tokens: 1, base: 'gateway', group: 'all', ...parts }
}

const SSE = 'sse' as const
const MEDIUM = 'medium' as const
const LARGE = 'large' as const
const MODERN = 'modern' as const
const TOKENS = 'tokens' as const

const CELLS: readonly Cell[] = [
  cell('call-1', '300 B, 1 connection', { connections: 1, candidates: EVERYBODY }),
  cell('call', '300 B, 16 connections', { connections: 16, candidates: EVERYBODY }),
  cell('call-64', '300 B, 64 connections', { connections: 64, candidates: [...PROXIES, 'direct', 'haproxy-es256'] }),
  cell('call-256', '300 B, 256 connections', { connections: 256, candidates: PROXIES }),
  cell('call-10k', '10 KB, 16 connections', { connections: 16, size: MEDIUM, candidates: PROXIES }),
  cell('call-1m', '1 MB, 4 connections', { connections: 4, size: LARGE, candidates: PROXIES }),
  cell('sse', '300 B in SSE, 16 connections', { connections: 16, form: SSE, candidates: PROXIES }),
  cell('sse-10k', '10 KB in SSE, 16 connections', {
    connections: 16,
    size: MEDIUM,
    form: SSE,
    candidates: FORWARDERS,
  }),
  cell('sse-1m', '1 MB in SSE, 4 connections', { connections: 4, size: LARGE, form: SSE, candidates: FORWARDERS }),
  cell('modern-1', '300 B without sessions (2026-07-28), 1 connection', {
    connections: 1,
    wire: MODERN,
    candidates: ['direct', 'gateway'],
  }),
  cell('modern', '300 B without sessions (2026-07-28), 16 connections', {
    connections: 16,
    wire: MODERN,
    candidates: FORWARDERS,
  }),
  cell('modern-64', '300 B without sessions (2026-07-28), 64 connections', {
    connections: 64,
    wire: MODERN,
    candidates: ['gateway', 'haproxy-cached'],
  }),
  cell('modern-sse', '300 B without sessions (2026-07-28) in SSE, 16 connections', {
    connections: 16,
    wire: MODERN,
    form: SSE,
    candidates: ['gateway', 'haproxy-cached'],
  }),
  cell('tls', '300 B, TLS on both sides, 16 connections', {
    connections: 16,
    candidates: ['gateway-tls', 'gateway', 'haproxy-cached-tls', 'nginx-tls'],
    base: 'gateway-tls',
  }),
  cell('two', '300 B, two independent gateways (HAProxy: two threads), 64 connections', {
    connections: 64,
    candidates: ['gateway', 'gateway-two', 'haproxy-cached', 'haproxy-cached-2'],
  }),
  cell('tokens-1', '300 B, 1 token, 16 connections', {
    connections: 16,
    candidates: ['gateway', 'haproxy-cached'],
    group: TOKENS,
  }),
  cell('tokens-1000', '300 B, 1,000 tokens, 16 connections', {
    connections: 16,
    tokens: 1_000,
    candidates: ['gateway', 'haproxy-cached'],
    group: TOKENS,
  }),
  // Processes of their own: the others' few tokens stay few.
  cell('tokens-100000', '300 B, 100,000 tokens, 16 connections', {
    connections: 16,
    tokens: 100_000,
    candidates: ['gateway-many', 'haproxy-many'],
    base: 'gateway-many',
    group: TOKENS,
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
    // Every candidate lives through the whole run, so all but its first warm-up find it compiled and connected.
    warmMs: 1_000,
    firstWarmMs: 4_000,
    measureMs: 2_500,
    idleStreams: 1_000,
    cells: CELLS,
  },
  quick: {
    mode: 'quick',
    rounds: 2,
    warmMs: 800,
    firstWarmMs: 2_000,
    measureMs: 1_500,
    idleStreams: 0,
    cells: cellsOf({
      'call-1': BARRED,
      call: null,
      'call-10k': ['gateway', 'haproxy-cached', 'sdk-proxy'],
      'call-1m': ['gateway', 'haproxy-cached'],
      sse: ['gateway', 'haproxy-cached', 'sdk-proxy'],
      modern: ['gateway', 'haproxy-cached'],
    }),
  },
  guard: {
    mode: 'guard',
    rounds: 3,
    warmMs: 500,
    firstWarmMs: 1_500,
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

/** What is asked for and is not measured, with the reason. */
export const NOT_MEASURED: readonly { readonly what: string; readonly reason: string }[] = [
  {
    what: 'two processes of one gateway',
    reason:
      'on SQLite one process owns the state and a second `serve` on it refuses; the cell with two gateways is two that share nothing, and says what a second process brings on this machine, not what replicas cost',
  },
  { what: 'a decision that depends on arguments', reason: 'the policy engine is not there yet' },
  { what: 'growth from 10 to 10,000 policies', reason: 'the policy engine is not there yet' },
  {
    what: 'search for secrets in results, on the road',
    reason:
      'results are inspected for the credential of their server; the library that finds other secrets is measured alone, and is not on the road yet',
  },
  { what: 'an SDK proxy without sessions', reason: 'the SDK that users write proxies with does not speak 2026-07-28' },
]

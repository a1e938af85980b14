import { parseArgs } from 'node:util'
import { AGAINST_NAME, type CandidateName, CELL_IDS, type Cell, isCandidateName, PLANS, type Plan } from './plan.ts'

/** CPUs that others may use while something is measured; beyond, it is rough. */
const FOREIGN_CPUS_MAX = 0.3

export interface Options {
  readonly action: 'help' | 'report' | 'profile' | 'tokenEndpoint' | 'measure'
  readonly plan: Plan
  readonly seed: number
  readonly foreignCpusMax: number
  readonly hasProbes: boolean
  readonly against: string | undefined
  readonly gatewayNodeOptions: readonly string[]
}

/** What the command line asks for. Throws, with words for whoever typed it, when it asks for nothing that exists. */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      guard: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      'token-endpoint': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      'no-probes': { type: 'boolean', default: false },
      cell: { type: 'string' },
      candidates: { type: 'string' },
      rounds: { type: 'string' },
      warm: { type: 'string' },
      measure: { type: 'string' },
      seed: { type: 'string' },
      busy: { type: 'string' },
      against: { type: 'string' },
      'gateway-node': { type: 'string', default: '' },
    },
  })
  const mode = values.guard ? 'guard' : values.quick ? 'quick' : values.cell || values.profile ? 'one' : 'full'
  const cells = values.cell?.split(',') ?? (values.profile ? ['call'] : null)
  const plan = PLANS[mode]
  const rounds = wholeNumber('rounds', values.rounds) ?? plan.rounds
  return {
    action: values.help
      ? 'help'
      : values.report
        ? 'report'
        : values.profile
          ? 'profile'
          : values['token-endpoint']
            ? 'tokenEndpoint'
            : 'measure',
    plan: {
      ...plan,
      rounds,
      warmMs: wholeNumber('warm', values.warm) ?? plan.warmMs,
      measureMs: wholeNumber('measure', values.measure) ?? plan.measureMs,
      cells: chooseCells(plan, cells, values.candidates?.split(',') ?? null, values.against !== undefined),
    },
    seed: wholeNumber('seed', values.seed) ?? Date.now() % 1_000_000,
    foreignCpusMax: values.busy === undefined ? FOREIGN_CPUS_MAX : Number(values.busy),
    hasProbes: (mode === 'full' || mode === 'quick') && !values['no-probes'],
    against: values.against,
    gatewayNodeOptions: values['gateway-node'].split(' ').filter((word) => word !== ''),
  }
}

function chooseCells(plan: Plan, ids: readonly string[] | null, names: readonly string[] | null, hasAgainst: boolean) {
  const unknownId = ids?.find((id) => !plan.cells.some((cell) => cell.id === id))
  if (unknownId !== undefined)
    throw new Error(`There is no cell "${unknownId}" in this mode. Cells: ${CELL_IDS.join(', ')}`)
  const unknownName = names?.find((name) => !isCandidateName(name))
  if (unknownName !== undefined) throw new Error(`There is no candidate "${unknownName}"`)
  const only = ({ candidates }: Cell): readonly CandidateName[] => [
    ...candidates.filter((name) => names === null || names.includes(name)),
    ...(hasAgainst && candidates.includes('gateway') ? ([AGAINST_NAME] as const) : []),
  ]
  const cells = plan.cells
    .filter(({ id }) => ids === null || ids.includes(id))
    .map((cell) => ({ ...cell, candidates: only(cell) }))
    .filter(({ candidates }) => candidates.length > 0)
  if (cells.length === 0) throw new Error('None of these cells has any of these candidates')
  return cells
}

function wholeNumber(name: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} takes a whole number`)
  return value
}

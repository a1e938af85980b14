import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Revision = '2025-11-25' | '2026-07-28'
type Status = 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'

/** One thing that the suite looked at. A scenario may look at the same thing more than once, hence `turn`. */
export interface Check {
  readonly scenario: string
  readonly id: string
  /** 1 for the first check of this id in its scenario, then 2, and so on. */
  readonly turn: number
  readonly status: Status
  /** What the suite says is wrong; empty when nothing is. */
  readonly message: string
}

export interface SuiteRun {
  readonly revision: Revision
  /** Whether every scenario that the revision requires passed; the suite's own verdict. */
  readonly passed: boolean
  readonly checks: readonly Check[]
  /** Everything the suite printed. */
  readonly output: string
}

export const SUITE = fileURLToPath(
  new URL('node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
)
const RUN_MS_MAX = 300_000

/** Runs the official suite's server scenarios of one revision against `url`. Throws when there are no results to read. */
export async function runSuite(url: string, revision: Revision): Promise<SuiteRun> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-conformance-'))
  try {
    const { code, output } = await run(['server', '--url', url, '--requirements', revision, '-o', folder])
    const checks = await readChecks(folder)
    if (checks.length === 0) throw new Error(`the suite left no results (exit code ${code}):\n${output}`)
    return { revision, passed: code === 0, checks, output }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function run(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SUITE, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: RUN_MS_MAX,
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += String(chunk)
      })
    }
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}

/** One folder per scenario, `{mode}-{scenario}-{time}`. */
export async function readChecks(folder: string): Promise<Check[]> {
  const names = (await readdir(folder)).sort()
  const lists = await Promise.all(
    names.map(async (name) => {
      const scenario = name.replace(/^(?:authorization-)?server-/, '').replace(/-\d{4}-\d{2}-\d{2}T[\d-]+Z$/, '')
      const text = await readFile(join(folder, name, 'checks.json'), 'utf8').catch(() => null)
      return text === null ? [withoutResult(scenario)] : parseChecks(scenario, text)
    }),
  )
  return lists.flat()
}

/** The checks of one scenario, in the order they were made. */
function parseChecks(scenario: string, text: string): Check[] {
  const turns = new Map<string, number>()
  // The suite guarantees this shape; a field that is missing shows as a difference.
  const list = JSON.parse(text) as { id: string; status: Status; errorMessage?: string }[]
  return list.map(({ id, status, errorMessage = '' }) => {
    const turn = (turns.get(id) ?? 0) + 1
    turns.set(id, turn)
    return { scenario, id, turn, status, message: errorMessage }
  })
}

/** A scenario that threw before it had checked anything leaves an empty folder. */
function withoutResult(scenario: string): Check {
  return { scenario, id: 'scenario-ended', turn: 1, status: 'FAILURE', message: 'the scenario broke off' }
}

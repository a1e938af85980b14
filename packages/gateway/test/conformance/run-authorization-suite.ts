import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Check, readChecks, SUITE } from './run-suite.ts'

export interface AuthorizationTarget {
  readonly issuer: string
  /** Of a public client. */
  readonly clientId: string
  readonly resource: string
  /** The suite listens on `http://127.0.0.1:{port}/callback`. */
  readonly port: number
}

const RUN_MS_MAX = 60_000

/**
 * The official suite's look at an authorization server. It prints where a person should go and waits for them to come back: `visit` gets that
 * URL. Throws when there are no results to read.
 */
export async function runAuthorizationSuite(
  { issuer, clientId, resource, port }: AuthorizationTarget,
  visit: (authorizationUrl: string) => Promise<void>,
): Promise<{ readonly passed: boolean; readonly checks: readonly Check[]; readonly output: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-conformance-'))
  const args = ['--url', issuer, '--client-id', clientId, '--resource', resource, '-p', String(port)]
  try {
    const { code, output } = await run(['authorization', ...args, '-o', folder], visit)
    const checks = await readChecks(folder)
    if (checks.length === 0) throw new Error(`the suite left no results (exit code ${code}):\n${output}`)
    return { passed: code === 0, checks, output }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function run(
  args: readonly string[],
  visit: (url: string) => Promise<void>,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SUITE, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_MS_MAX })
    let output = ''
    let visited = false
    const hear = (chunk: unknown) => {
      output += String(chunk)
      const url = /https?:\/\/\S+[?&]code_challenge=\S+(?=\s)/.exec(output)?.[0]
      if (url === undefined || visited) return
      visited = true
      visit(url).catch((error: unknown) => {
        child.kill()
        reject(error)
      })
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}

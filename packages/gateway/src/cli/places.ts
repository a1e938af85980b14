import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { tenantStateDir } from '#serve/tenant-state-dir.ts'
import type { CliIo } from './io.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where a command was told to look, or where it looks by default. */
export interface Places {
  readonly configurationFile: string
  /** The tenant's own, where one is meant. */
  readonly stateDir: string
  /** Null: the gateway itself. */
  readonly tenant: string | null
}

export interface PlaceOptions {
  readonly tenant?: string
  readonly config?: string
  readonly stateDir?: string
}

const FILE = 'sallyport.yaml'
/** In a checkout without a configuration of its own, commands speak to what `npm start` runs. */
const QUICKSTART_FILE = 'examples/quickstart/sallyport.yaml'
const STATE_DIR = 'var'

/** Option, then environment, then default. */
export function findPlaces(options: PlaceOptions, env: Environment, io: CliIo): Places {
  const from = io.cwd ?? process.cwd()
  const given = options.config ?? nonEmpty(env['SALLYPORT_CONFIG'])
  const file = given ?? [FILE, QUICKSTART_FILE].find((candidate) => existsSync(resolve(from, candidate))) ?? FILE
  const stateDir = resolve(from, options.stateDir ?? nonEmpty(env['SALLYPORT_STATE_DIR']) ?? STATE_DIR)
  const { tenant = null } = options
  return {
    configurationFile: resolve(from, file),
    stateDir: tenant === null ? stateDir : tenantStateDir(stateDir, tenant),
    tenant,
  }
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

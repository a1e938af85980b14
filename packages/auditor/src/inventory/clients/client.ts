import type { Base, Platform } from '../layout.ts'

/** JSON is always read with comments and trailing commas, as most clients do. */
export type ConfigFormat = 'json' | 'yaml' | 'toml'

/** Where servers lie in a file: keys from the root, `*` for any key. The empty path is the file itself. */
export type ServersAt = readonly string[]

export interface ConfigPattern {
  readonly base: Base
  /** Below the base, with `/`; `*` stands for a part of one name, a segment `**` for up to five folders. */
  readonly path: string
  readonly format: ConfigFormat
  readonly at: readonly ServersAt[]
  /** All platforms when absent. */
  readonly platforms?: readonly Platform[]
}

export interface Client {
  /** Stable: it is written into reports. */
  readonly id: string
  readonly name: string
  /** Who says that the files lie there, read in November 2026. */
  readonly sources: readonly string[]
  readonly files: readonly ConfigPattern[]
}

/** `mcpServers` in a JSON file: what most clients agreed on. */
export const mcpServersIn = (base: Base, path: string, platforms?: readonly Platform[]): ConfigPattern => ({
  base,
  path,
  format: 'json',
  at: [['mcpServers']],
  ...(platforms === undefined ? {} : { platforms }),
})

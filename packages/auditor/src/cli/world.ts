import type { Readable, Writable } from 'node:stream'
import type { ExitCode } from './exit-codes.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The streams a command may use; main.ts hands in the real ones. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable
  readonly stderr: Writable & { readonly isTTY?: boolean }
  /** Folder that relative paths start from; absent: that of the process. */
  readonly cwd?: string
}

/** What every command is given. */
export interface CommandWorld {
  readonly env: Environment
  readonly io: CliIo
  /** Set by the command that ran. */
  finish(code: ExitCode): void
}

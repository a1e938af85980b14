/** What scripts may rely on (docs/cli.md). */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** The answer is no: not found, refused, the log does not verify, the configuration has problems. */
  negative: 1,
  /** The command was not understood, or its input is not acceptable. */
  usage: 2,
  /** The state or the running server cannot be reached or opened. */
  unreachable: 3,
  /** The configuration cannot be used. */
  configuration: 4,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Ends a command with a message on standard error. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

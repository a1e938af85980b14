/** What scripts may rely on. */
export const EXIT = {
  /** Nothing found at or above the threshold. */
  ok: 0,
  /** Findings at or above the threshold, or a baseline with entries that are no longer found. */
  findings: 1,
  /** The command was not understood, or its input is not acceptable. */
  usage: 2,
  /** The target can't be reached, or what it answers is not an MCP server. */
  unreachable: 3,
  /** No finding, but something that was asked for could not be decided. */
  inconclusive: 4,
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

/**
 * The operator's log: what happened to the machine, not who did what (that is the audit log).
 * Messages are constant sentences; what varies goes into fields. Whatever is given is redacted before it is written.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export interface LogFields {
  readonly requestId?: string
  readonly server?: string
  /** The error that caused this; its message and stack are redacted too. */
  readonly cause?: unknown
  readonly [name: string]: unknown
}

/** The operating system's or Node.js's own word for what failed (`ENOENT`, `EADDRINUSE`); null if it is no such error. */
export function systemErrorCode(cause: unknown): string | null {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : null
}

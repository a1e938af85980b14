const KiB = 1024
const MiB = 1024 * KiB

/**
 * Every bound of sessions, streams and upstream connections that is not a server's own setting (`ServerEntry.limits`).
 * One table, so that "what does one stalled, hostile or forgotten peer cost?" is answered by reading it.
 */
export interface DataPlaneLimits {
  /** Live sessions, all subjects together. Each may hold a child process. */
  readonly sessionsMax: number
  /** How often idle sessions are looked for. */
  readonly reapEveryMs: number
  /** Client requests under way in one session, or without sessions of one subject at one server; more are refused until one ends. */
  readonly callsInFlightMax: number
  /** Requests of the upstream that wait for the client's answer, per session; more are answered with an error. */
  readonly serverRequestsMax: number
  /** Requests of the upstream in one minute, per session; what exceeds it is refused under one record. */
  readonly serverRequestsPerMinuteMax: number
  /** A server's question to a person (elicitation, sampling) is given up on after this long. */
  readonly serverRequestMs: number

  /** A POST that has no answer by then becomes an event stream, so that proxies and clients see life. */
  readonly streamOpensAfterMs: number
  /** Open GET streams of one session. */
  readonly listenersMax: number
  /** Events and bytes kept per session for resumption, unsent ones included. */
  readonly replayEventsMax: number
  readonly replayBytesMax: number
  /** Unsent bytes of one connected reader above which the session's upstream is not read any more. */
  readonly unsentBytesMax: number
  /** A reader that takes nothing for this long loses its connection; it may resume. */
  readonly stallMs: number
  readonly keepAliveMs: number
  /** Told to clients as SSE `retry`. */
  readonly retryMs: number

  /** Longest line of a child's stdout. */
  readonly lineBytesMax: number
  /** Lines per second of a child; beyond, its stdout rests until the second is over. */
  readonly linesPerSecondMax: number
  /** Lines in a row that are no JSON-RPC message, before the connection counts as broken. */
  readonly junkLinesMax: number
  /** Bytes waiting for a child's stdin; beyond, senders wait. */
  readonly stdinBytesMax: number
  /** Bytes per second of a child's stderr that reach the log. */
  readonly stderrBytesPerSecondMax: number
  /** Lines per minute that the log says about one upstream connection, its stderr apart. */
  readonly logLinesPerMinuteMax: number
  /** From the end of a child's stdin to SIGTERM. */
  readonly leaveAfterMs: number
  /** From SIGTERM to SIGKILL. */
  readonly killAfterMs: number
  /** Restarts of a broken connection within the window; beyond, calls are refused at once. */
  readonly restartsMax: number
  readonly restartWindowMs: number
  readonly restartDelayMs: number
  readonly restartDelayMaxMs: number

  /** Attempts in a row to resume one upstream event stream. */
  readonly resumesMax: number
  /** Waiting for the upstream to confirm the end of its session. */
  readonly farewellMs: number

  /** Pages of one `tools/list` that the gateway asks for itself, and tools remembered per session. */
  readonly toolPagesMax: number
  readonly toolsMax: number
}

export const DATA_PLANE_LIMITS: DataPlaneLimits = {
  sessionsMax: 1024,
  reapEveryMs: 5_000,
  callsInFlightMax: 128,
  serverRequestsMax: 32,
  serverRequestsPerMinuteMax: 240,
  serverRequestMs: 10 * 60_000,

  streamOpensAfterMs: 2_000,
  listenersMax: 4,
  replayEventsMax: 1_024,
  replayBytesMax: 512 * KiB,
  unsentBytesMax: 256 * KiB,
  stallMs: 30_000,
  keepAliveMs: 15_000,
  retryMs: 1_000,

  lineBytesMax: 4 * MiB,
  linesPerSecondMax: 1_000,
  junkLinesMax: 256,
  stdinBytesMax: 1 * MiB,
  stderrBytesPerSecondMax: 16 * KiB,
  logLinesPerMinuteMax: 60,
  leaveAfterMs: 500,
  killAfterMs: 2_000,
  restartsMax: 5,
  restartWindowMs: 60_000,
  restartDelayMs: 100,
  restartDelayMaxMs: 5_000,

  resumesMax: 5,
  farewellMs: 1_000,

  toolPagesMax: 20,
  toolsMax: 2_000,
}

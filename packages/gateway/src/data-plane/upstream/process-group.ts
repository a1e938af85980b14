import type { ChildProcess } from 'node:child_process'

/**
 * Child processes with everything they started: each leads a process group of its own, and signals go to the group.
 * `killAll` is for the moment when the gateway itself ends; it is synchronous, so that it works in an `exit` handler.
 */
export class ProcessGroups {
  readonly #alive = new Map<number, ChildProcess>()
  readonly #killAfterMs: number

  constructor(killAfterMs: number) {
    this.#killAfterMs = killAfterMs
  }

  get size(): number {
    return this.#alive.size
  }

  adopt(child: ChildProcess): void {
    const { pid } = child
    if (pid === undefined) return
    this.#alive.set(pid, child)
    child.once('exit', () => {
      this.#alive.delete(pid)
      // What the leader left behind goes with it.
      signalGroup(pid, 'SIGKILL')
    })
  }

  /**
   * SIGTERM after `patienceMs`, SIGKILL after the grace time. Resolves when the leader has exited. With patience the child can read what was
   * written to it and leave by itself once its stdin has ended (2025-11-25, lifecycle §Shutdown).
   */
  async stop(child: ChildProcess, patienceMs: number): Promise<void> {
    const { pid } = child
    if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const terminate = setTimeout(() => signalGroup(pid, 'SIGTERM'), patienceMs)
    const kill = setTimeout(() => signalGroup(pid, 'SIGKILL'), patienceMs + this.#killAfterMs)
    await exited
    clearTimeout(terminate)
    clearTimeout(kill)
  }

  killAll(): void {
    for (const pid of this.#alive.keys()) signalGroup(pid, 'SIGKILL')
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // ESRCH: nobody is left in the group, which is what was wanted.
  }
}

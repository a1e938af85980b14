import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** Longest listing of processes that is read. */
const LISTING_BYTES_MAX = 64 * 1024 * 1024

/**
 * Ends processes that an earlier gateway started and, being killed, could not end. They are known by their environment: HOME and TMPDIR
 * of every child lie under this gateway's run folder, and what a child starts inherits them. The caller holds the state, so no other
 * gateway has children there. Answers how many were ended.
 */
export function endOrphans(runDir: string): Promise<number> {
  return endProcessesNaming((value) => value.startsWith(`${runDir}/child-`))
}

/** Ends every process, and the group it leads, that was started with a variable of such a value. Answers how many. */
export async function endProcessesNaming(isMeant: (value: string) => boolean): Promise<number> {
  let ended = 0
  for (const pid of await processesNaming(isMeant)) {
    if (pid === process.pid) continue
    // Its group first: a child leads one, and what it started may have another environment.
    const isGone = [-pid, pid].map((target) => kill(target))
    if (isGone.includes(true)) ended += 1
  }
  return ended
}

function kill(target: number): boolean {
  try {
    process.kill(target, 'SIGKILL')
    return true
  } catch {
    // ESRCH: it ended by itself, or leads no group. EPERM: it is not ours after all.
    return false
  }
}

async function processesNaming(isMeant: (value: string) => boolean): Promise<number[]> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^\d+$/.test(name))
  if (pids.length === 0) return await listedNaming(isMeant)
  const found = await Promise.all(
    pids.map(async (pid) => {
      // Another user's environment cannot be read, and is none of our business.
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
      return environment.split('\0').some((entry) => isMeant(variableValue(entry))) ? [Number(pid)] : []
    }),
  )
  return found.flat()
}

function variableValue(entry: string): string {
  const equals = entry.indexOf('=')
  return equals > 0 ? entry.slice(equals + 1) : ''
}

/** Where there is no /proc (macOS): -E shows the environment of this user's own processes after the command. */
async function listedNaming(isMeant: (value: string) => boolean): Promise<number[]> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-x', '-ww', '-E', '-o', 'pid=,command='], {
      maxBuffer: LISTING_BYTES_MAX,
    })
    return stdout
      .split('\n')
      .filter((line) => line.split(' ').some((entry) => isMeant(variableValue(entry))))
      .map((line) => Number.parseInt(line, 10))
  } catch {
    return []
  }
}

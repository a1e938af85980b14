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
export async function endOrphans(runDir: string): Promise<number> {
  const marker = `=${runDir}/child-`
  let ended = 0
  for (const pid of await processesWith(marker)) {
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

async function processesWith(marker: string): Promise<number[]> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^\d+$/.test(name))
  if (pids.length === 0) return await listedWith(marker)
  const found = await Promise.all(
    pids.map(async (pid) => {
      // Another user's environment cannot be read, and is none of our business.
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
      return environment.split('\0').some((entry) => startsAfterName(entry, marker)) ? [Number(pid)] : []
    }),
  )
  return found.flat()
}

function startsAfterName(entry: string, marker: string): boolean {
  const equals = entry.indexOf('=')
  return equals > 0 && entry.startsWith(marker, equals)
}

/** Where there is no /proc (macOS): -E shows the environment of this user's own processes after the command. */
async function listedWith(marker: string): Promise<number[]> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-x', '-ww', '-E', '-o', 'pid=,command='], {
      maxBuffer: LISTING_BYTES_MAX,
    })
    return stdout
      .split('\n')
      .filter((line) => line.includes(marker))
      .map((line) => Number.parseInt(line, 10))
  } catch {
    return []
  }
}

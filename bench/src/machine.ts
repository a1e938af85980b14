import { readdirSync, readFileSync } from 'node:fs'

/** Linux only: everything here comes from /proc. */
const PAGE_BYTES = 4096
const TICKS_PER_SECOND = 100

export interface TreeUsage {
  /** On-CPU time of every thread of every process, in nanoseconds. */
  readonly cpuNs: number
  readonly rssBytes: number
}

/**
 * What a process and its descendants have used. Descendants whose command line holds `exceptFor` are left out: they are the servers behind
 * a peer, not the peer. Threads that ended within the time measured are lost; none of the candidates starts threads under load.
 */
export function usageOfTree(root: number, exceptFor: string | null = null): TreeUsage {
  let cpuNs = 0
  let rssBytes = 0
  for (const pid of treeOf(root)) {
    if (exceptFor !== null && pid !== root && read(`/proc/${pid}/cmdline`).includes(exceptFor)) continue
    for (const thread of list(`/proc/${pid}/task`)) {
      cpuNs += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0])
    }
    rssBytes += Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE_BYTES
  }
  return { cpuNs, rssBytes }
}

export function usageOfTrees(roots: readonly number[], exceptFor: string | null = null): TreeUsage {
  const all = roots.map((root) => usageOfTree(root, exceptFor))
  return {
    cpuNs: all.reduce((sum, { cpuNs }) => sum + cpuNs, 0),
    rssBytes: all.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
  }
}

/** What others did on this machine from now on, in CPUs' worth of work; everything that this process started is not others. */
export function watchOthers(): () => number {
  const busyBefore = busySeconds()
  const ownBefore = usageOfTree(process.pid).cpuNs
  const beganMs = performance.now()
  return () => {
    const seconds = (performance.now() - beganMs) / 1_000
    const own = (usageOfTree(process.pid).cpuNs - ownBefore) / 1e9
    return Math.max(0, busySeconds() - busyBefore - own) / seconds
  }
}

export function treeOf(root: number): number[] {
  const children = list(`/proc/${root}/task`).flatMap((thread) =>
    read(`/proc/${root}/task/${thread}/children`)
      .split(' ')
      .filter((word) => word !== '')
      .map(Number),
  )
  return [root, ...children.flatMap(treeOf)]
}

/** Seconds that all CPUs together were busy since boot, stolen time included. */
function busySeconds(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = read('/proc/stat')
    .split('\n', 1)
    .join('')
    .split(/\s+/)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
}

export function loadAverage(): number {
  return Number(read('/proc/loadavg').split(' ')[0])
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Empty for what is gone: processes end while they are looked at. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

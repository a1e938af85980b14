/** What V8 writes (DevTools protocol, Profiler.Profile). Times are microseconds of the monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

export interface Share {
  readonly what: string
  readonly micros: number
}

export interface Digest {
  /** Self time by function, largest first; what V8 calls (idle) is left out. */
  readonly functions: readonly Share[]
  /** Self time by package or folder. */
  readonly places: readonly Share[]
  /** Time within our own functions, what they call included; a function that calls itself counts once. */
  readonly own: readonly Share[]
  readonly busyMicros: number
}

/** Pure: only samples within the window count, since the profile begins with the process. */
export function digestProfile(
  profile: CpuProfile,
  window: { readonly beganMicros: number; readonly endedMicros: number },
): Digest {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])))
  const self = selfTimes(profile, window)
  const functions = new Map<string, number>()
  const places = new Map<string, number>()
  const own = new Map<string, number>()
  let busyMicros = 0
  for (const [id, micros] of self) {
    const node = nodes.get(id)
    if (node === undefined || node.callFrame.functionName === '(idle)') continue
    busyMicros += micros
    add(functions, nameOf(node), micros)
    add(places, placeOf(node), micros)
    const above = new Set<string>()
    for (let at: ProfileNode | undefined = node; at !== undefined; at = nodes.get(parents.get(at.id) ?? -1)) {
      if (isOurs(at)) above.add(nameOf(at))
    }
    for (const name of above) add(own, name, micros)
  }
  return { functions: sorted(functions), places: sorted(places), own: sorted(own), busyMicros }
}

function selfTimes(
  { samples, timeDeltas, startTime }: CpuProfile,
  { beganMicros, endedMicros }: { readonly beganMicros: number; readonly endedMicros: number },
): Map<number, number> {
  const self = new Map<number, number>()
  let at = startTime
  for (const [index, id] of samples.entries()) {
    at += timeDeltas[index] ?? 0
    // A sample stands for the time until the next one.
    const micros = Math.max(0, timeDeltas[index + 1] ?? 0)
    if (at >= beganMicros && at < endedMicros) self.set(id, (self.get(id) ?? 0) + micros)
  }
  return self
}

function nameOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame
  const name = functionName === '' ? '(anonymous)' : functionName
  return url === '' ? name : `${name}  ${shorten(url)}:${lineNumber + 1}`
}

function isOurs({ callFrame }: ProfileNode): boolean {
  return callFrame.url.includes('/packages/') && !callFrame.url.includes('/node_modules/')
}

function placeOf(node: ProfileNode): string {
  const { url, functionName } = node.callFrame
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)'
  if (url.startsWith('wasm:')) return 'wasm'
  const path = shorten(url)
  if (path.startsWith('node:')) return path
  return path
    .split('/')
    .slice(0, path.startsWith('node_modules/@') ? 3 : path.startsWith('packages/') ? 5 : 2)
    .join('/')
}

/** From the checkout on: `packages/…` or the last `node_modules/…`. */
function shorten(url: string): string {
  const modules = url.lastIndexOf('/node_modules/')
  if (modules !== -1) return url.slice(modules + 1)
  const packages = url.lastIndexOf('/packages/')
  return packages === -1 ? url : url.slice(packages + 1)
}

function add(counts: Map<string, number>, name: string, micros: number): void {
  counts.set(name, (counts.get(name) ?? 0) + micros)
}

function sorted(counts: ReadonlyMap<string, number>): Share[] {
  return [...counts].map(([what, micros]) => ({ what, micros })).sort((a, b) => b.micros - a.micros)
}

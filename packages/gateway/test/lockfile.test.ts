import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly optional?: boolean
  readonly integrity?: string
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const LOCKFILES = [
  ['../../../package-lock.json', 100],
  ['./e2e/package-lock.json', 100],
  ['./conformance/package-lock.json', 100],
  ['./postgres/package-lock.json', 20],
] as const

// npm writes the file; version 3 of its format guarantees this shape.
const read = (path: string) =>
  (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { packages: Record<string, Locked> }).packages

test.each(LOCKFILES)(
  '%s works with any registry: it names packages and hashes, never who served them',
  (path, packagesMin) => {
    const packages = Object.entries(read(path)).filter(
      ([name, entry]) => name.startsWith('node_modules/') && !entry.link,
    )
    expect(packages.length).toBeGreaterThan(packagesMin)
    for (const [name, entry] of packages) {
      expect(entry.resolved, name).toBeUndefined()
      expect(entry.version, name).toMatch(/^\d+\.\d+\.\d+/)
      // Some registries lack packages for platforms they do not serve; only such entries may be without a hash.
      expect(entry.integrity?.startsWith('sha512-') || isForRarePlatform(entry), name).toBe(true)
    }
  },
)

test.each(LOCKFILES)('%s lists every platform, or `npm ci` would call it out of step', (path) => {
  const packages = read(path)
  const missing = Object.entries(packages).flatMap(([holder, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      (name) =>
        packages[`node_modules/${name}`] === undefined && packages[`${holder}/node_modules/${name}`] === undefined,
    ),
  )
  expect(missing).toEqual([])
})

function isForRarePlatform({ optional, os = [], cpu = [], libc = [] }: Locked): boolean {
  const isOrdinary = os.includes('linux') && !libc.includes('musl') && (cpu.includes('x64') || cpu.includes('arm64'))
  return optional === true && os.length > 0 && !isOrdinary
}

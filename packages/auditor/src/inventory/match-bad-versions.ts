import type { PackageUse } from './inventory-report.ts'
import { type BadVersions, KNOWN_BAD_VERSIONS } from './known-bad-versions.ts'

/**
 * The known holes of the version that a command line pins. Without an exact pin nobody knows which version will run, so
 * only a package of which every newest version is bad (none fixed) matches.
 */
export function matchBadVersions(
  used: PackageUse,
  known: readonly BadVersions[] = KNOWN_BAD_VERSIONS,
): readonly BadVersions[] {
  return known.filter(
    (bad) =>
      bad.ecosystem === used.ecosystem &&
      bad.name === used.name &&
      (used.pin === 'exact' && used.version !== null ? isBad(used.version, bad) : bad.fixed === null),
  )
}

function isBad(version: string, { introduced, fixed }: BadVersions): boolean {
  const isOldEnough = fixed === null || compareVersions(version, fixed) < 0
  return isOldEnough && (introduced === null || compareVersions(version, introduced) >= 0)
}

/** By numbers, as semver and PEP 440 agree; a pre-release comes before its release. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)]
  for (let at = 0; at < Math.max(left.numbers.length, right.numbers.length); at++) {
    const difference = (left.numbers[at] ?? 0) - (right.numbers[at] ?? 0)
    if (difference !== 0) return Math.sign(difference)
  }
  return Number(right.isPre) - Number(left.isPre)
}

function parse(version: string): { numbers: number[]; isPre: boolean } {
  const [, numbers = '', rest = ''] = /^v?(\d+(?:\.\d+)*)(.*)$/.exec(version) ?? []
  return { numbers: numbers.split('.').map(Number), isPre: /^[-._]?(?:a|b|c|rc|alpha|beta|pre|dev|-)/i.test(rest) }
}

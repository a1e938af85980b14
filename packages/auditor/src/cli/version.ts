import { readFileSync } from 'node:fs'

/** The version of this package, as its own package.json says. */
export function versionOfPackage(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return (manifest as { version: string }).version // our own package.json
}

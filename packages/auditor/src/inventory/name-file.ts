import type { Roots } from './layout.ts'
import { safeText } from './safe-text.ts'

/**
 * How a report names a file: relative in the project where the user stands, with `~` below the home, else in full. The
 * name of the user is in none but the last. Separators are `/` on every platform.
 */
export function nameFile(path: string, { home, projects, platform }: Roots): string {
  const plain = (text: string): string => (platform === 'windows' ? text.replaceAll('\\', '/') : text)
  const below = (folder: string): string | null => {
    const start = folder.endsWith('/') ? plain(folder) : `${plain(folder)}/`
    return plain(path).startsWith(start) ? plain(path).slice(start.length) : null
  }
  const [here] = projects
  const inProject = here === undefined || here === home ? null : below(here)
  if (inProject !== null) return safeText(inProject)
  const inHome = below(home)
  return safeText(inHome === null ? plain(path) : `~/${inHome}`)
}

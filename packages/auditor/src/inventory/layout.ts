export type Platform = 'linux' | 'macos' | 'windows'

/** Where an inventory looks. Everything is handed in: nothing here reads the environment or the real home. */
export interface Roots {
  readonly platform: Platform
  /** The user's home folder, absolute. */
  readonly home: string
  /** Folders of projects, absolute; each may hold configuration of its own. */
  readonly projects: readonly string[]
  /** What machine-wide folders hang under: `/`, on Windows `C:/`. */
  readonly system: string
  /** Variables that move folders: those that `folderOf` and `xdg` name, no others. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Folders that configuration paths start from. */
export type Base =
  | 'home'
  | 'config'
  | 'xdg'
  | 'local'
  | 'system'
  | 'claude'
  | 'codex'
  | 'copilot'
  | 'cline'
  | 'librechat'
  | 'project'

/** The folders of one base; several for projects, one for all others. Paths use `/`, which Node.js takes on Windows too. */
export function foldersOf(base: Base, roots: Roots): readonly string[] {
  if (base === 'project') return roots.projects
  return [folderOf(base, roots)]
}

function folderOf(base: Exclude<Base, 'project'>, { platform, home, system, environment }: Roots): string {
  switch (base) {
    case 'home':
      return home
    case 'config':
      // Electron's appData: https://www.electronjs.org/docs/latest/api/app#appgetpathname
      if (platform === 'windows') return environment['APPDATA'] ?? `${home}/AppData/Roaming`
      return platform === 'macos' ? `${home}/Library/Application Support` : xdg(home, environment)
    case 'xdg':
      return xdg(home, environment)
    case 'local':
      return platform === 'windows' ? (environment['LOCALAPPDATA'] ?? `${home}/AppData/Local`) : `${home}/.local/share`
    case 'system':
      return joined(system, { linux: 'etc', macos: 'Library/Application Support', windows: 'ProgramData' }[platform])
    case 'claude':
      return environment['CLAUDE_CONFIG_DIR'] ?? home
    case 'codex':
      return environment['CODEX_HOME'] ?? `${home}/.codex`
    case 'copilot':
      return environment['COPILOT_HOME'] ?? `${home}/.copilot`
    case 'cline':
      return environment['CLINE_DIR'] ?? `${home}/.cline`
    case 'librechat':
      return environment['LIBRECHAT_CONFIG_DIR'] ?? home
  }
}

function xdg(home: string, environment: Roots['environment']): string {
  return environment['XDG_CONFIG_HOME'] ?? `${home}/.config`
}

function joined(root: string, path: string): string {
  return root.endsWith('/') ? `${root}${path}` : `${root}/${path}`
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'
import type { InventoryReport } from '#inventory/inventory-report.ts'
import type { Platform } from '#inventory/layout.ts'
import { type InventoryOptions, takeInventory } from '#inventory/take-inventory.ts'

const made: string[] = []

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A machine in a folder of its own: home, project and root; never the real ones. */
export interface Machine {
  readonly home: string
  readonly project: string
  readonly root: string
  write(folder: 'home' | 'project' | 'root', path: string, text: string | Uint8Array, mode?: number): string
  inventory(options?: Partial<InventoryOptions> & { platform?: Platform }): Promise<InventoryReport>
}

export function createMachine(): Machine {
  const root = mkdtempSync(join(tmpdir(), 'sallyport-machine-'))
  made.push(root)
  const home = join(root, 'users', 'ada')
  const project = join(root, 'work', 'notes')
  for (const folder of [home, project]) mkdirSync(folder, { recursive: true })
  const folders = { home, project, root }
  return {
    ...folders,
    write(folder, path, text, mode = 0o600) {
      const file = join(folders[folder], path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text, { mode })
      return file
    },
    inventory: ({ platform = 'linux', ...options } = {}) =>
      takeInventory({
        roots: { platform, home, projects: [project], system: root, environment: {} },
        takenAt: new Date('2026-11-26T12:00:00Z'),
        version: '0.0.0',
        gateway: null,
        asks: () => false,
        safeCalls: [],
        environment: { PATH: process.env['PATH'] },
        urls: [],
        ...options,
      }),
  }
}

import { execFileSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core'

const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const LAUNCH_TIMEOUT_MS = 30_000

/** A browser that never speaks to anyone but the pages under test. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--no-pings',
]

export interface TestBrowser {
  readonly context: BrowserContext
  /** Ends the browser and removes its profile. */
  close(): Promise<void>
}

/**
 * Starts a system Chromium with an empty profile of its own. Throws when there is none: a page test that could not
 * run has failed. `options` is handed to the context (viewport, colorScheme, javaScriptEnabled, ...).
 */
export async function launchChromium(options: BrowserContextOptions = {}): Promise<TestBrowser> {
  const executablePath = findChromium()
  if (executablePath === null) {
    throw new Error('no Chromium: set CHROMIUM_PATH, or install the package "chromium" (npm test does it as root)')
  }
  const profile = mkdtempSync(join(tmpdir(), 'sallyport-chromium-'))
  try {
    const context = await chromium.launchPersistentContext(profile, {
      ...options,
      executablePath,
      headless: true,
      args: FLAGS,
      timeout: LAUNCH_TIMEOUT_MS,
    })
    return {
      context,
      async close() {
        await context.close()
        removeProfile(profile)
      },
    }
  } catch (cause) {
    removeProfile(profile)
    throw new Error('starting Chromium', { cause })
  }
}

/** CHROMIUM_PATH if it runs, else the first known name on PATH, else null. */
export function findChromium(): string | null {
  const named = process.env['CHROMIUM_PATH']
  if (named) return answersVersion(named) ? named : null
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of CHROMIUM_NAMES) {
      const candidate = join(folder, name)
      if (isExecutable(candidate)) return candidate
    }
  }
  return null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function answersVersion(path: string): boolean {
  try {
    execFileSync(path, ['--version'], { stdio: 'ignore', timeout: LAUNCH_TIMEOUT_MS })
    return true
  } catch {
    return false
  }
}

function removeProfile(profile: string): void {
  // The browser's helpers may still be writing while they exit.
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Person } from './authorize.ts'

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Path of a real client's executable, installed beside these tests. */
export function clientBin(name: string): string {
  return folder(`../node_modules/.bin/${name}`)
}

/** Environment in which a real client finds our scripted browser, and keeps its state in `home`. */
export function clientEnvironment(person: Person, home: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    XDG_CONFIG_HOME: home,
    TMPDIR: home,
    BROWSER: folder('./browser'),
    MCP_REMOTE_CONFIG_DIR: home,
    MCP_AUTO_OPEN_ENABLED: 'true',
    // There is no keychain where tests run.
    MCP_INSPECTOR_SECRET_STORE: 'file',
    SALLYPORT_TEST_USERNAME: person.username,
    SALLYPORT_TEST_PASSWORD: person.password,
  }
}

/** Makes every access token that a client stored below `home` worn out, as hours would. Answers how many there were. */
export async function wearOutAccessTokens(home: string): Promise<number> {
  let count = 0
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.json')) continue
    const file = join(entry.parentPath, entry.name)
    const text = await readFile(file, 'utf8')
    // Some clients keep JSON inside a string of JSON.
    const worn = text.replace(/(\\?"access_token\\?"\s*:\s*\\?")[\w.~+/=-]+/g, (_, before: string) => {
      count += 1
      return `${before}eyJ.worn.out`
    })
    if (worn !== text) await writeFile(file, worn)
  }
  return count
}

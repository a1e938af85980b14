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
    SALLYPORT_TEST_USERNAME: person.username,
    SALLYPORT_TEST_PASSWORD: person.password,
  }
}

import { dirname, extname, resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { ConfigFormat } from '#inventory/clients/client.ts'
import { KNOWN_CLIENTS } from '#inventory/clients/known-clients.ts'
import type { ConfiguredServer } from '#inventory/configured-server.ts'
import { parseConfig } from '#inventory/parse-config.ts'
import { CONFIG_BYTES_MAX, readConfigFile } from '#inventory/read-config-file.ts'
import { readServers } from '#inventory/read-servers.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'
import { parseUrl } from './audit-options.ts'

const FORMATS: Readonly<Record<string, ConfigFormat>> = {
  '.json': 'json',
  '.jsonc': 'json',
  '.toml': 'toml',
  '.yaml': 'yaml',
  '.yml': 'yaml',
}
const NAMES_SHOWN_MAX = 20

/**
 * The endpoint to audit: the URL as it was written, or that of a server in a client's configuration file, whichever client's. Nothing else
 * of the file is used: neither its commands nor its headers.
 */
export async function findTarget(given: string, name: string | undefined, cwd: string): Promise<string> {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(given)) {
    if (name !== undefined) throw usage('--server names a server of a configuration file; with a URL there is none.')
    return urlOf(given, 'The target')
  }
  const servers = await serversOf(given, cwd)
  const named = name === undefined ? servers : servers.filter((server) => server.name === name)
  const [server, another] = named
  if (server === undefined)
    throw usage(
      name === undefined
        ? `${given} names no server that is called over HTTP. Those that are started are for \`sallyport-audit inventory --start\`.`
        : `${given} names no server ${name} that is called over HTTP. It names: ${namesOf(servers)}.`,
    )
  if (another !== undefined)
    throw usage(`${given} names several servers. Choose one with --server NAME: ${namesOf(named)}.`)
  const { url } = server
  if (url === null || url.includes('${'))
    throw usage(`The URL of ${server.name} has a part that its client fills in. Audit the URL itself.`)
  return urlOf(url, `The URL of ${server.name}`)
}

async function serversOf(file: string, cwd: string): Promise<readonly ConfiguredServer[]> {
  const path = resolve(cwd, file)
  const format = FORMATS[extname(path).toLowerCase()]
  if (format === undefined)
    throw usage('Write the http or https URL of the endpoint, or a configuration file (.json, .jsonc, .toml, .yaml).')
  const read = await readConfigFile(dirname(path), path, CONFIG_BYTES_MAX[format])
  if (read.kind !== 'read') throw usage(`${file} can not be read as a configuration file.`)
  const parsed = parseConfig(read.text, format)
  if (parsed.kind === 'malformed') throw usage(`${file} is not ${format.toUpperCase()} that can be parsed.`)
  const { servers } = readServers(parsed.value, PLACES)
  return servers.filter(({ transport }) => transport === 'http')
}

/** Wherever a client keeps servers in its file; each once, because a server that is found twice would be two. */
const PLACES = [
  ...new Map(
    KNOWN_CLIENTS.flatMap(({ files }) => files.flatMap(({ at }) => at)).map((at) => [at.join('\n'), at]),
  ).values(),
]

function urlOf(value: string, what: string): string {
  try {
    return parseUrl(value)
  } catch (cause) {
    if (cause instanceof InvalidArgumentError) throw usage(`${what}: ${cause.message}`)
    throw cause
  }
}

function namesOf(servers: readonly ConfiguredServer[]): string {
  const names = servers.map(({ name }) => name)
  const rest = names.length - NAMES_SHOWN_MAX
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ')
  if (names.length === 0) return 'none'
  return rest > 0 ? `${shown} and ${rest} more` : shown
}

function usage(message: string): CliFailure {
  return new CliFailure(EXIT.usage, message)
}

import { isLoopbackHost } from '#core/loopback-host.ts'
import type { ConfigurationProblem } from './problem.ts'
import type { Configuration } from './schema.ts'
import type { Source } from './source.ts'

/** What a running process cannot change: clients hold it, or sockets are bound to it. */
export interface FixedAtStart {
  readonly publicUrl: string
  readonly listenHost: string
  readonly listenPort: number
  readonly hasTls: boolean
  /** Where the state is kept, in words: describeStore. */
  readonly storePlace: string
}

/** The front door as it will really be: defaults, `--port` and what is fixed since the start worked in. */
export interface EffectiveGateway extends Omit<FixedAtStart, 'storePlace'> {
  /** publicUrl is a loopback address. */
  readonly isLoopback: boolean
}

const DEFAULT_PORT = 8700

/**
 * Works out the front door. `port` (from `--port`) replaces the listening port and, while publicUrl is loopback, its port too, because
 * clients connect to it directly. `fixed` wins over everything: what differs is answered as a warning that asks for a restart.
 * The checks run on the result, so that a change waiting for a restart cannot loosen a rule before it.
 */
export function effectiveGateway(
  configuration: Configuration,
  source: Source,
  port: number | null,
  fixed: FixedAtStart | null,
): { readonly gateway: EffectiveGateway; readonly warnings: readonly ConfigurationProblem[] } {
  const { gateway } = configuration
  const written = readOrigin(gateway.publicUrl)
  const publicUrl = port !== null && written?.isLoopback ? withPort(gateway.publicUrl, port) : gateway.publicUrl
  const wanted: Omit<FixedAtStart, 'storePlace'> = {
    publicUrl,
    listenHost: gateway.listen.host,
    listenPort: port ?? gateway.listen.port ?? (written?.isLoopback ? written.port : DEFAULT_PORT),
    hasTls: gateway.tls !== undefined,
  }
  const inForce = fixed ?? wanted
  const held = (key: keyof typeof wanted, path: readonly string[]) =>
    inForce[key] === wanted[key]
      ? []
      : [source.problem(path, `This changed, but holds only after a restart.`, `Until then: ${String(inForce[key])}.`)]
  return {
    gateway: { ...inForce, isLoopback: readOrigin(inForce.publicUrl)?.isLoopback ?? false },
    warnings: [
      ...held('publicUrl', ['gateway', 'publicUrl']),
      ...held('listenHost', ['gateway', 'listen', 'host']),
      ...held('listenPort', ['gateway', 'listen', 'port']),
      ...held('hasTls', ['gateway', 'tls']),
    ],
  }
}

export interface Origin {
  readonly url: URL
  readonly isLoopback: boolean
  readonly port: number
}

/** An http or https URL; null when it is not one. */
export function readOrigin(text: string): Origin | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null
  return {
    url,
    isLoopback: isLoopbackHost(url.hostname),
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  }
}

function withPort(origin: string, port: number): string {
  const url = new URL(origin)
  url.port = String(port)
  return url.origin
}

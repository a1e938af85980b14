import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportSPKI, importJWK, type JWK } from 'jose'
import { type Candidate, targetsFor } from './candidates/candidate.ts'
import { type GatewayUnderTest, MODERN_SERVER_ID, SERVER_ID, startGateway } from './candidates/gateway.ts'
import { startGatewayPair } from './candidates/gateway-pair.ts'
import { startHaproxy } from './candidates/haproxy.ts'
import { startNginx } from './candidates/nginx.ts'
import { startMcpProxy, startSdkProxy, startSupergateway } from './candidates/node-proxies.ts'
import { type Issuer, openIssuer } from './issuer.ts'
import type { Door, Wire } from './load/messages.ts'
import { Generator } from './load/open-generator.ts'
import type { CandidateName } from './plan.ts'
import { stopAll, stopProcess } from './processes.ts'
import { type StartedUpstream, startUpstream } from './upstream/start-upstream.ts'

export interface Environment {
  readonly folder: string
  readonly upstream: StartedUpstream
  readonly gateway: GatewayUnderTest
  readonly generator: Generator
  readonly candidates: ReadonlyMap<string, Candidate>
  /** Where the candidate takes calls, with tokens that it believes, fresh enough for one measurement. */
  doorsFor(candidate: Candidate, wire: Wire, tokens: number): Promise<readonly Door[]>
  /** Who signs the tokens that it believes. */
  issuerFor(candidate: Candidate): Promise<Issuer>
  /** Lets one candidate end by itself. */
  stop(candidate: Candidate): Promise<void>
  close(): Promise<void>
}

export interface EnvironmentOptions {
  readonly names: ReadonlySet<CandidateName>
  /** For the gateway's Node.js. */
  readonly gatewayNodeOptions: readonly string[]
  /** A built checkout that stands in as `gateway-against`. */
  readonly against?: string | undefined
}

/** Starts the measured server, the gateway (always: it issues the tokens) and the candidates named. */
export async function openEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'))
  // Keys and tokens are in it; an interrupted run leaves none.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const upstream = await startUpstream(folder)
  const gateways = new Map<string, readonly GatewayUnderTest[]>()
  const open = async (name: CandidateName, isTls = false, checkout?: string) => {
    const nodeOptions = name === 'gateway-against' ? [] : options.gatewayNodeOptions
    const tls = isTls ? upstream.tls : null
    const started = await startGateway({ folder: join(folder, name), upstream, name, tls, checkout, nodeOptions })
    gateways.set(name, [started])
    return started
  }
  const gateway = await open('gateway')
  const starters = await startersOf({ folder, upstream, gateway, open, gateways, against: options.against })
  const candidates = new Map<string, Candidate>([['gateway', gateway.candidate]])
  for (const name of options.names) {
    const start = starters[name]
    if (start !== undefined) candidates.set(name, await start())
  }
  const issuers = new Map<string, Promise<Issuer>>()
  const issuerOf = (name: string, index: number, wire: Wire): Promise<Issuer> => {
    const key = `${name} ${index} ${wire}`
    const owner = gateways.get(name)?.[index]
    // Whoever is no gateway believes the tokens of the first one, for its server with sessions.
    if (owner === undefined) return issuerOf('gateway', 0, 'legacy')
    const known = issuers.get(key)
    if (known !== undefined) return known
    const opened = openIssuer(owner, wire === 'modern' ? MODERN_SERVER_ID : SERVER_ID, folder)
    issuers.set(key, opened)
    return opened
  }
  const generator = new Generator()
  return {
    folder,
    upstream,
    gateway,
    generator,
    candidates,
    doorsFor: async (candidate, wire, tokens) => {
      const doors: Door[] = []
      for (const [index, target] of targetsFor(candidate, wire).entries()) {
        const tokensFile = candidate.checksTokens
          ? await (await issuerOf(candidate.name, index, wire)).tokensFile(tokens)
          : null
        doors.push({ target, tokensFile })
      }
      return doors
    },
    issuerFor: ({ name }) => issuerOf(name, 0, 'legacy'),
    stop: async ({ pids }) => {
      for (const pid of pids) await stopProcess(pid)
    },
    close: async () => {
      generator.close()
      await stopAll()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface Means {
  readonly folder: string
  readonly upstream: StartedUpstream
  readonly gateway: GatewayUnderTest
  readonly gateways: Map<string, readonly GatewayUnderTest[]>
  readonly against: string | undefined
  open(name: CandidateName, isTls?: boolean, checkout?: string): Promise<GatewayUnderTest>
}

type Starters = Readonly<Partial<Record<CandidateName, () => Promise<Candidate>>>>

async function startersOf({ folder, upstream, gateway, gateways, against, ...means }: Means): Promise<Starters> {
  const issuer = gateway.origin
  const audience = gateway.resource(SERVER_ID)
  const publicKeyPem = await readPublicKey(gateway)
  const haproxy = (name: CandidateName, isCached: boolean, threads = 1, isTls = false) =>
    startHaproxy({
      name,
      folder,
      upstream,
      issuer,
      audience,
      publicKeyPem,
      isCached,
      threads,
      tls: isTls ? upstream.tls : null,
    })
  return {
    direct: async () => ({ ...DIRECT, targets: [{ port: upstream.port, path: '/mcp', ca: null }] }),
    'haproxy-cached': () => haproxy('haproxy-cached', true),
    'haproxy-es256': () => haproxy('haproxy-es256', false),
    'haproxy-many': () => haproxy('haproxy-many', true),
    'haproxy-cached-2': () => haproxy('haproxy-cached-2', true, 2),
    'haproxy-cached-tls': () => haproxy('haproxy-cached-tls', true, 1, true),
    nginx: () => startNginx({ name: 'nginx', folder, upstream, tls: null }),
    'nginx-tls': () => startNginx({ name: 'nginx-tls', folder, upstream, tls: upstream.tls }),
    'sdk-proxy': () => startSdkProxy({ upstreamPort: upstream.port, issuer, audience }),
    'mcp-proxy': startMcpProxy,
    supergateway: startSupergateway,
    'gateway-against': async () => (await means.open('gateway-against', false, against)).candidate,
    'gateway-tls': async () => (await means.open('gateway-tls', true)).candidate,
    'gateway-many': async () => (await means.open('gateway-many')).candidate,
    'gateway-two': async () => {
      const { pair, candidate } = await startGatewayPair({ folder, upstream, name: 'gateway-two' })
      gateways.set('gateway-two', pair)
      return candidate
    },
  }
}

const DIRECT: Omit<Candidate, 'targets'> = {
  name: 'direct',
  work: 'the load generator talks to the server itself',
  modernPath: '/modern',
  pids: [],
  serverBehind: null,
  checksTokens: false,
  inspectsResults: false,
  carriesLogMessages: true,
  recorded: null,
  sessionsMax: Number.POSITIVE_INFINITY,
}

async function readPublicKey(gateway: GatewayUnderTest): Promise<string> {
  // RFC 7517 §5; the gateway has one key when it is new.
  const { keys } = (await (await gateway.send(`${gateway.origin}/oauth/jwks`)).json()) as { keys: JWK[] }
  const key = await importJWK(keys[0] ?? {}, 'ES256', { extractable: true })
  if (key instanceof Uint8Array) throw new Error('the published key is not a public key')
  return exportSPKI(key)
}

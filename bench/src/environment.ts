import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportSPKI, importJWK, type JWK } from 'jose'
import { selfSignedCertificate } from '../../packages/gateway/test/support/self-signed.ts'
import type { Candidate } from './candidates/candidate.ts'
import { type GatewayUnderTest, startGateway } from './candidates/gateway.ts'
import { startHaproxy } from './candidates/haproxy.ts'
import { startNginx } from './candidates/nginx.ts'
import { startMcpProxy, startSdkProxy, startSupergateway } from './candidates/node-proxies.ts'
import { Connection } from './load/connection.ts'
import { postText } from './load/mcp-session.ts'
import { Generator } from './load/open-generator.ts'
import type { CandidateName } from './plan.ts'
import { startProcess, stopAll, stopProcess } from './processes.ts'
import { badTokens, openForge, type TokenForge } from './tokens.ts'

const UPSTREAM = fileURLToPath(new URL('./upstream/http-upstream.ts', import.meta.url))
/** Well under the half hour that they live. */
const TOKENS_RENEWED_MS = 8 * 60_000

export interface Environment {
  readonly folder: string
  readonly upstreamPort: number
  readonly gateway: GatewayUnderTest
  readonly generator: Generator
  readonly candidates: ReadonlyMap<string, Candidate>
  /** Tokens that the candidate believes, fresh enough for one measurement. */
  tokensFor(candidate: Candidate, count: number): Promise<readonly string[]>
  forgeFor(candidate: Candidate): TokenForge
  /** What was wrong about refusing bad tokens, in words; empty when all is well. */
  tokenProblems(candidate: Candidate): Promise<readonly string[]>
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
export async function openEnvironment({
  names,
  gatewayNodeOptions,
  against,
}: EnvironmentOptions): Promise<Environment> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'))
  const upstream = await startProcess(process.execPath, [UPSTREAM], async (output) => /^\d+\n/.test(output))
  const upstreamPort = Number.parseInt(upstream.output(), 10)
  const startOne = (name: CandidateName, isTls: boolean, checkout?: string) =>
    startGateway({
      folder: join(folder, name),
      upstreamPort,
      name,
      isTls,
      checkout,
      nodeOptions: name === 'gateway' || names.has(name) ? gatewayNodeOptions : [],
    })
  const gateway = await startOne('gateway', false)
  const issuers = [await logIn(gateway)]
  const candidates: Candidate[] = [{ ...DIRECT, target: { port: upstreamPort, path: '/mcp', ca: null } }]
  candidates.push(gateway.candidate)
  const publicKeyPem = await readPublicKey(gateway)
  const claims = { issuer: gateway.origin, audience: gateway.resource, publicKeyPem }
  const tls = selfSignedCertificate(['127.0.0.1'])
  const haproxy = (name: CandidateName, isCached: boolean, threads = 1, isTls = false) =>
    startHaproxy({ name, folder, upstreamPort, ...claims, isCached, threads, tls: isTls ? tls : null })
  const starters: Readonly<Partial<Record<CandidateName, () => Promise<Candidate>>>> = {
    'haproxy-cached': () => haproxy('haproxy-cached', true),
    'haproxy-es256': () => haproxy('haproxy-es256', false),
    'haproxy-cached-2': () => haproxy('haproxy-cached-2', true, 2),
    'haproxy-cached-tls': () => haproxy('haproxy-cached-tls', true, 1, true),
    nginx: () => startNginx({ name: 'nginx', folder, upstreamPort, tls: null }),
    'nginx-tls': () => startNginx({ name: 'nginx-tls', folder, upstreamPort, tls }),
    'sdk-proxy': () => startSdkProxy({ upstreamPort, issuer: gateway.origin, audience: gateway.resource }),
    'mcp-proxy': startMcpProxy,
    supergateway: startSupergateway,
    'gateway-against': async () => {
      const other = await startOne('gateway-against', false, against)
      issuers.push(await logIn(other))
      return other.candidate
    },
    'gateway-tls': async () => {
      const second = await startOne('gateway-tls', true)
      issuers.push(await logIn(second))
      return second.candidate
    },
  }
  for (const name of names) {
    const start = starters[name]
    if (start !== undefined) candidates.push(await start())
  }
  const generator = new Generator()
  const issuerOf = (candidate: Candidate): Issuer => {
    const issuer = issuers.find(({ own }) => own === candidate) ?? issuers[0]
    if (issuer === undefined) throw new Error('nobody issues tokens')
    return issuer
  }
  return {
    folder,
    upstreamPort,
    gateway,
    generator,
    candidates: new Map(candidates.map((candidate) => [candidate.name, candidate])),
    tokensFor: (candidate, count) => issuerOf(candidate).tokens(count),
    forgeFor: (candidate) => issuerOf(candidate).forge,
    tokenProblems: (candidate) => tokenProblems(candidate, issuerOf(candidate)),
    stop: ({ pid }) => stopProcess(pid),
    close: async () => {
      generator.close()
      await stopAll()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const DIRECT: Omit<Candidate, 'target'> = {
  name: 'direct',
  work: 'the load generator talks to the server itself',
  pid: null,
  serverBehind: null,
  checksTokens: false,
  carriesLogMessages: true,
  recorded: null,
  sessionsMax: Number.POSITIVE_INFINITY,
}

interface Issuer {
  readonly own: Candidate
  readonly forge: TokenForge
  tokens(count: number): Promise<readonly string[]>
}

/** One agent of one user, logged in through the pages. Its first token is the flow's own; more are signed for the same grant. */
async function logIn(gateway: GatewayUnderTest): Promise<Issuer> {
  const issued = await gateway.logIn(await gateway.addUser('alice'))
  const forge = await openForge(gateway.stateDir, issued.access_token)
  const kept = new Map<number, { readonly tokens: readonly string[]; readonly sinceMs: number }>()
  kept.set(1, { tokens: [issued.access_token], sinceMs: performance.now() })
  return {
    own: gateway.candidate,
    forge,
    tokens: async (count) => {
      const known = kept.get(count)
      if (known !== undefined && performance.now() - known.sinceMs < TOKENS_RENEWED_MS) return known.tokens
      const sinceMs = performance.now()
      const tokens: string[] = []
      while (tokens.length < count) tokens.push(await forge.sign())
      kept.set(count, { tokens, sinceMs })
      return tokens
    },
  }
}

async function readPublicKey(gateway: GatewayUnderTest): Promise<string> {
  // RFC 7517 §5; the gateway has one key when it is new.
  const { keys } = (await (await gateway.send(`${gateway.origin}/oauth/jwks`)).json()) as { keys: JWK[] }
  const key = await importJWK(keys[0] ?? {}, 'ES256', { extractable: true })
  if (key instanceof Uint8Array) throw new Error('the published key is not a public key')
  return exportSPKI(key)
}

async function tokenProblems(candidate: Candidate, issuer: Issuer): Promise<readonly string[]> {
  const [good = ''] = await issuer.tokens(1)
  const problems: string[] = []
  for (const [fault, token] of Object.entries(await badTokens(issuer.forge, good))) {
    const status = await statusOf(candidate, token)
    if (status !== 401) problems.push(`a token ${fault} was answered with ${status}`)
  }
  return problems
}

async function statusOf({ target }: Candidate, token: string | null): Promise<number> {
  const connection = await Connection.open(target)
  const { status } = await connection.ask(postText(target, token, null, '{"jsonrpc":"2.0","id":1,"method":"ping"}'))
  connection.close()
  return status
}

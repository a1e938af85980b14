import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Flaw } from '../mutants.ts'
import { authorizePart } from './authorization-server/authorize.ts'
import { metadataPart } from './authorization-server/metadata.ts'
import { pagesPart } from './authorization-server/pages.ts'
import { registerPart } from './authorization-server/register.ts'
import { introspectPart, revokePart } from './authorization-server/revoke.ts'
import { tokenPart } from './authorization-server/token.ts'
import { loopbackCertificate } from './certificates.ts'
import { json, type Part, readIncoming, writeReply } from './http.ts'
import { signingKeys } from './keys.ts'
import { listenToBoth } from './plain-too.ts'
import { endpointPart } from './resource/endpoint.ts'
import { resourceMetadataPart } from './resource/metadata.ts'
import { doorsPart } from './resource/open-doors.ts'
import type { Era, Site } from './site.ts'
import { emptyState, hash, newSecret } from './state.ts'

export interface ReferenceOptions {
  /** The one thing that is wrong with this server; without it the server is correct. */
  readonly flaw?: Flaw | undefined
  readonly eras?: readonly Era[] | undefined
  readonly isTls?: boolean | undefined
  /** Path of the first resource; the second one is below it the same way. */
  readonly mcpPath?: string | undefined
  readonly issuerPath?: string | undefined
  /** Whether the authorization server listens on a port of its own. */
  readonly isSplit?: boolean | undefined
  /** Whether a code is used up by whatever is tried with it. */
  readonly burnsCodes?: boolean | undefined
  /** An MCP server that it asks along the way. */
  readonly upstreamUrl?: string | undefined
}

export interface Reference extends AsyncDisposable {
  readonly url: string
  /** Another resource of the same authorization server. */
  readonly secondUrl: string
  readonly issuer: string
  /** PEM of the authority that signed the server's certificate; null without TLS. */
  readonly authority: string | null
  /** Moves its clock. */
  advance(ms: number): void
  /** A confidential client that may introspect. */
  readonly confidential: { readonly clientId: string; readonly clientSecret: string; readonly redirectUri: string }
}

/** Starts an MCP server with its OAuth on loopback: correct, but for one flaw when it is given one. */
export async function startReference(options: ReferenceOptions = {}): Promise<Reference> {
  const { flaw, isTls = false, mcpPath = '/mcp', issuerPath = '', eras = ['modern', 'legacy'] } = options
  const certificate = isTls ? loopbackCertificate({ isExpired: flaw === 'certificate-expired' }) : null
  let aheadMs = 0
  let startedMs: number | null = null
  // Once it is moved it stands otherwise: what a test sees does not depend on how busy the machine is.
  const nowMs = () => (startedMs ?? Date.now()) + aheadMs
  const front = await listen(certificate, flaw)
  const back = options.isSplit ? await listen(certificate, flaw) : null
  const origin = front.origin
  const site: Site = {
    origin,
    issuer: `${back?.origin ?? origin}${issuerPath}`,
    issuerPath,
    isSecure: isTls,
    eras,
    resources: [mcpPath, `/ledger${mcpPath}`].map((path) => ({ path, url: `${origin}${path}` })),
    upstreamUrl: options.upstreamUrl ?? null,
    burnsCodes: options.burnsCodes ?? false,
    keys: signingKeys(),
    state: emptyState(),
    nowMs,
    nowSeconds: () => Math.floor(nowMs() / 1000),
    flawed: (name) => name === flaw,
  }
  const authorizationServer = [
    metadataPart,
    registerPart,
    authorizePart,
    pagesPart,
    tokenPart,
    revokePart,
    introspectPart,
  ].map((part) => part(site))
  const resourceServer = [
    resourceMetadataPart(site),
    doorsPart(site),
    ...site.resources.map((resource) => endpointPart(site, resource)),
  ]
  front.serve(site, back === null ? [...resourceServer, ...authorizationServer] : resourceServer)
  back?.serve(site, authorizationServer)
  return {
    url: `${origin}${mcpPath}`,
    secondUrl: `${origin}/ledger${mcpPath}`,
    issuer: site.issuer,
    authority: certificate?.authority ?? null,
    confidential: addConfidentialClient(site),
    advance(ms) {
      startedMs ??= Date.now()
      aheadMs += ms
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([front.stop(), back?.stop()])
    },
  }
}

function addConfidentialClient({ state }: Site): Reference['confidential'] {
  const [clientId, clientSecret, redirectUri] = [
    'reference-confidential',
    newSecret(),
    'https://client.example.com/callback',
  ]
  state.clients.set(clientId, {
    id: clientId,
    name: 'confidential',
    redirectUris: [redirectUri],
    grantTypes: ['authorization_code', 'refresh_token'],
    secretHash: hash(clientSecret),
    registrationHash: null,
  })
  return { clientId, clientSecret, redirectUri }
}

/** What a part that thinks that somebody else has looked at the token answers. */
const NOTHING = { jsonrpc: '2.0', id: 1, result: { tools: [] } }

interface Listener {
  readonly origin: string
  serve(site: Site, parts: readonly Part[]): void
  stop(): Promise<void>
}

async function listen(
  certificate: ReturnType<typeof loopbackCertificate> | null,
  flaw: Flaw | undefined,
): Promise<Listener> {
  const oldest = flaw === 'tls-1-1' ? ({ minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const) : {}
  const sizes = flaw === 'unsigned-when-huge' ? { maxHeaderSize: 128 * 1024 } : {}
  const server: Server =
    certificate === null
      ? createServer(sizes)
      : createTlsServer({ key: certificate.key, cert: certificate.cert, minVersion: 'TLSv1.2', ...oldest })
  server.requestTimeout = 10_000
  const plain = createServer()
  const isBoth = flaw === 'plain-http-too' || flaw === 'data-over-plain-http'
  const front = isBoth ? listenToBoth(server, plain) : server
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  const { port } = front.address() as AddressInfo
  // RFC 6797 §8.1.1: only a name can be told to be reached over TLS alone.
  const host = flaw === 'no-hsts' ? 'localhost' : '127.0.0.1'
  const origin = `${certificate === null ? 'http' : 'https'}://${host}:${port}`
  return {
    origin,
    serve: (site, parts) => {
      server.on('request', (request, response) => void answer(site, origin, parts, request, response))
      plain.on('request', (request, response) => {
        if (flaw === 'data-over-plain-http') writeReply(response, json(200, NOTHING), {})
        else void answer(site, origin, parts, request, response)
      })
    },
    async stop() {
      server.closeAllConnections()
      plain.closeAllConnections()
      front.close()
      await once(front, 'close')
    },
  }
}

async function answer(
  site: Site,
  origin: string,
  parts: readonly Part[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const fixed = fixedHeaders(site, request.headers.origin)
  const incoming = readIncoming(request)
  try {
    // Under another name this server is somebody else's: what a rebound name asks is not answered.
    if (request.headers.host !== new URL(origin).host && !site.flawed('any-host')) {
      writeReply(response, json(421, { error: 'misdirected request' }), fixed)
      return
    }
    for (const part of parts) {
      const reply = await part(incoming)
      if (reply === null) continue
      writeReply(response, reply, fixed)
      return
    }
    writeReply(response, json(404, { error: 'not found' }), fixed)
  } catch (error) {
    const leaked = site.flawed('stack-in-errors') ? String((error as Error).stack) : 'internal error'
    writeReply(response, json(500, { error: leaked }), fixed)
  }
}

function fixedHeaders(site: Site, origin: string | undefined): Record<string, string> {
  return {
    'x-content-type-options': 'nosniff',
    ...(site.isSecure && !site.flawed('no-hsts') ? { 'strict-transport-security': 'max-age=31536000' } : {}),
    ...(origin !== undefined && site.flawed('any-origin-with-credentials')
      ? { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' }
      : {}),
  }
}

import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditEvent } from '#audit/trail.ts'
import { asServerId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { createMcpEndpoint } from '#data-plane/endpoint.ts'
import { createProtectedResourceMetadata } from '#data-plane/protected-resource-metadata.ts'
import { withCors } from '#http/cors.ts'
import { createListener } from '#http/listener.ts'
import { createRouter } from '#http/router.ts'
import { createAccessTokenVerifier } from '#identity/access-tokens.ts'
import { createApiKeyVerifier } from '#identity/api-keys.ts'
import { chooseVerifier } from '#identity/choose-verifier.ts'
import { createMemberships } from '#identity/memberships.ts'
import { type LiveRevocations, startRevocations } from '#identity/revocations.ts'
import { createSealer } from '#keys/sealer.ts'
import type { Store } from '#store/ports/store.ts'
import { testSenders } from './sender-rules.ts'
import { testServer, testSnapshot } from './snapshot.ts'
import { openTestStore } from './store.ts'
import { createMint, type FakeClock, fakeClock, openGrant, type TokenMint, testGrant } from './tokens.ts'

/**
 * The whole way from the socket to the upstream, with the real listener, verifier, revocations, memberships and store. The upstream is an
 * HTTP server that records what reaches it and answers nothing useful: an attack succeeded if `upstreamSaw` is not empty.
 */
export interface FrontDoor {
  readonly origin: string
  readonly store: Store
  readonly clock: FakeClock
  readonly revocations: LiveRevocations
  readonly upstreamSaw: string[]
  /** Ids of the API keys that were let in, each time. */
  readonly keyUses: string[]
  readonly records: AuditEvent[]
  readonly failures: unknown[]
  /** Signs tokens of the one live grant; claims and header may be changed. */
  readonly mint: TokenMint
  /** While true, reading the change feed fails. */
  breakFeed(isBroken: boolean): void
  setSnapshot(change: Partial<Snapshot>): void
  url(server?: string): string
  /** A POST of `initialize`, or of `body`, with a token or none. */
  post(options?: PostOptions): Promise<Answer>
  /** Bytes as they are, to the listener; everything it answers until the connection ends. */
  raw(text: string): Promise<string>
  close(): Promise<void>
}

export interface PostOptions {
  readonly token?: string
  readonly server?: string
  readonly path?: string
  readonly body?: string | Uint8Array<ArrayBuffer>
  readonly headers?: Record<string, string>
}

export interface Answer {
  readonly status: number
  readonly challenge: string | null
  readonly headers: Headers
  readonly text: string
}

export const INITIALIZE: string = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
})

export async function startFrontDoor(): Promise<FrontDoor> {
  const clock = fakeClock(Date.now())
  const opened = await openTestStore()
  const { store } = opened
  const stateDir = await mkdtemp(join(tmpdir(), 'front-door-'))
  const upstreamSaw: string[] = []
  const upstream = createServer((request, response) => {
    upstreamSaw.push(`${request.method} ${request.url} ${request.rawHeaders.join(' ')}`)
    response.writeHead(500).end()
  })
  const upstreamPort = await listenOn(upstream)

  let isFeedBroken = false
  const feed = {
    head: () => store.feed.head(),
    since: async (number: number, max: number) => {
      if (isFeedBroken) throw new Error('the feed is gone')
      return await store.feed.since(number, max)
    },
  }
  const revocations = startRevocations({ feed, clock })
  let snapshot: Snapshot = testSnapshot()
  const snapshots = { current: () => snapshot, onSwap: () => () => {} }
  const records: AuditEvent[] = []
  const record = async (event: AuditEvent) => {
    records.push(event)
  }
  const failures: unknown[] = []
  // The verifier needs the origin, and the origin the listener's port.
  let router: ReturnType<typeof createRouter> = async () => {}
  const listener = createListener({
    current: () => snapshot,
    router: (exchange) => router(exchange),
    clock,
    random: systemRandom,
    tls: null,
    onFailure: (_requestId, cause) => failures.push(cause),
  })
  const { port } = await listener.listen('127.0.0.1', 0)
  const origin = `http://127.0.0.1:${port}`
  const servers = ['files', 'notes'].map((id) =>
    testServer(id, {
      resource: `${origin}/mcp/${id}`,
      upstream: { kind: 'http', url: `http://127.0.0.1:${upstreamPort}/mcp`, headers: new Map(), network: 'loopback' },
    }),
  )
  snapshot = testSnapshot({
    publicUrl: origin,
    servers: new Map(servers.map((server) => [asServerId(server.id), server])),
  })

  const base = await createMint(clock)
  const mint: TokenMint = {
    ...base,
    mint: (claims = {}, header = {}) => base.mint({ iss: origin, aud: `${origin}/mcp/files`, ...claims }, header),
  }
  const tokens = createAccessTokenVerifier({
    tenant: DEFAULT_TENANT,
    keys: { version: 1, publicJwks: mint.publicJwks },
    issuer: origin,
    store,
    revocations,
    clock,
  })
  const keyUses: string[] = []
  const uses = { note: ({ clientId }: { readonly clientId: string }) => void keyUses.push(clientId) }
  const keys = createApiKeyVerifier({ tenant: DEFAULT_TENANT, store, revocations, tokens, clock, uses })
  const verifier = chooseVerifier(tokens, keys)
  const memberships = createMemberships({ accounts: store.accounts, changes: revocations })
  const quiet = () => {}
  const endpoint = createMcpEndpoint({
    snapshots,
    verifier,
    senders: testSenders({
      usedProofs: store.usedProofs,
      clock,
      requiresNonce: () => snapshot.senders.requiresNonce,
    }),
    memberships,
    revocations,
    audit: {
      entry: () => {
        throw new Error('not used by the data plane')
      },
      record,
      refusedUnauthenticated: record,
      isFailing: () => false,
    },
    clock,
    random: systemRandom,
    sealer: createSealer(systemRandom.bytes(32), systemRandom),
    stateDir,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  })
  router = createRouter(
    withCors([...endpoint.routes, ...createProtectedResourceMetadata({ snapshots }).routes], () => snapshot),
  )
  await store.accounts.create(
    {
      tenant: DEFAULT_TENANT,
      subject: asSubjectId('subject-1'),
      username: 'subject-1',
      displayName: 'Subject',
      passwordHash: 'none',
      roles: ['writer'],
      status: 'active',
      createdAt: clock.nowSeconds(),
      passwordChangedAt: clock.nowSeconds(),
    },
    [],
  )
  await openGrant(store, testGrant(clock, { resource: `${origin}/mcp/files` }))
  await revocations.poll()

  const url = (server = 'files') => `${origin}/mcp/${server}`
  return {
    origin,
    store,
    clock,
    revocations,
    upstreamSaw,
    keyUses,
    records,
    failures,
    mint,
    setSnapshot: (change) => {
      snapshot = { ...snapshot, ...change }
    },
    breakFeed: (isBroken) => {
      isFeedBroken = isBroken
    },
    url,
    post: async ({ token, server, path, body, headers } = {}) => {
      const response = await fetch(path === undefined ? url(server) : `${origin}${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body: body ?? INITIALIZE,
      })
      const text = await response.text()
      return {
        status: response.status,
        challenge: response.headers.get('www-authenticate'),
        headers: response.headers,
        text,
      }
    },
    raw: (text) => sendRaw(port, text),
    close: async () => {
      revocations.stop()
      await endpoint.close()
      await listener.close()
      upstream.closeAllConnections()
      await new Promise((resolve) => upstream.close(resolve))
      await opened.close()
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}

function listenOn(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (typeof address === 'object' && address !== null) resolve(address.port)
      else reject(new Error('no port'))
    })
  })
}

function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'))
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      answer += chunk
    })
    socket.on('end', () => resolve(answer))
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

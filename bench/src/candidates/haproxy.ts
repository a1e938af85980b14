import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { acceptsConnections, freePort, startProcess } from '../processes.ts'
import type { Tls, UpstreamAddress } from '../upstream/start-upstream.ts'
import type { Candidate } from './candidate.ts'

export interface HaproxyOptions {
  readonly name: string
  readonly folder: string
  readonly upstream: UpstreamAddress
  readonly issuer: string
  readonly audience: string
  /** The gateway's public key (SPKI, PEM). */
  readonly publicKeyPem: string
  /** Remembers for five minutes which tokens were good, by their SHA-256, and believes them without another look. */
  readonly isCached: boolean
  readonly threads: number
  /** Toward clients and toward the server; null: plain HTTP. */
  readonly tls: Tls | null
}

/** HAProxy of the distribution that checks bearer tokens and replaces the credential. */
export async function startHaproxy(options: HaproxyOptions): Promise<Candidate> {
  const { folder, name, isCached, tls } = options
  const port = await freePort()
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `${name}.cfg`)
  await writeFile(join(folder, `${name}.pub.pem`), options.publicKeyPem)
  if (tls !== null) await writeFile(join(folder, `${name}.pem`), tls.cert + tls.key, { mode: 0o600 })
  await writeFile(file, configuration(options, port))
  const { pid } = await startProcess('haproxy', ['-db', '-f', file], () => acceptsConnections(port))
  return {
    name,
    work: isCached ? 'token believed for 5 min once verified (stick-table)' : 'ES256 verified on each request',
    targets: [{ port, path: '/mcp', ca: tls?.cert ?? null }],
    modernPath: '/modern',
    pids: [pid],
    serverBehind: null,
    checksTokens: true,
    inspectsResults: false,
    carriesLogMessages: true,
    recorded: null,
    sessionsMax: Number.POSITIVE_INFINITY,
  }
}

function configuration(options: HaproxyOptions, port: number): string {
  const { folder, name, isCached, threads, tls, issuer, audience, upstream } = options
  const bind = tls === null ? '' : ` ssl crt ${join(folder, `${name}.pem`)}`
  const server =
    tls === null
      ? `127.0.0.1:${upstream.port}`
      : `127.0.0.1:${upstream.tlsPort} ssl verify required ca-file ${join(folder, `${name}.pem`)}`
  const key = join(folder, `${name}.pub.pem`)
  const unless = isCached ? ' !known' : ''
  return `global
  nbthread ${threads}
  maxconn 8192
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  http-reuse always
frontend door
  bind 127.0.0.1:${port}${bind}
  http-request set-var(txn.token) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.token) -m found }
${
  isCached
    ? `  stick-table type binary len 32 size 200k expire 5m store gpc0
  http-request track-sc0 var(txn.token),sha2(256)
  acl known sc0_get_gpc0 gt 0
`
    : ''
}  http-request deny deny_status 401 if${unless} !{ var(txn.token),jwt_header_query('$.alg') -m str ES256 }
  http-request deny deny_status 401 if${unless} !{ var(txn.token),jwt_payload_query('$.iss') -m str ${issuer} }
  http-request deny deny_status 401 if${unless} !{ var(txn.token),jwt_payload_query('$.aud') -m str ${audience} }
  http-request set-var(txn.now) date()${isCached ? ' if !known' : ''}
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')${isCached ? ' if !known' : ''}
  http-request deny deny_status 401 if${unless} { var(txn.exp),sub(txn.now) -m int lt 1 }
  http-request deny deny_status 401 if${unless} !{ var(txn.token),jwt_verify("ES256","${key}") 1 }
${isCached ? '  http-request sc-inc-gpc0(0) if !known\n' : ''}  http-request set-header authorization "Bearer ${upstream.credential}"
  default_backend server
backend server
  server upstream ${server}
`
}

import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { selfSignedCertificate } from '../../../packages/gateway/test/support/self-signed.ts'
import { startProcess } from '../processes.ts'

/** In its certificate beside the address: nginx compares names only. */
export const UPSTREAM_NAME = 'bench.upstream'
const PROGRAM = fileURLToPath(new URL('./http-upstream.ts', import.meta.url))

export interface Tls {
  /** PEM, believed by everybody who takes part. */
  readonly cert: string
  readonly key: string
}

/** The measured MCP server: `/mcp` with sessions, `/modern` without. */
export interface UpstreamAddress {
  readonly port: number
  readonly tlsPort: number
  /** What whoever stands in front shows it, in place of the caller's token. */
  readonly credential: string
}

export interface StartedUpstream extends UpstreamAddress {
  readonly tls: Tls
}

export async function startUpstream(folder: string): Promise<StartedUpstream> {
  const tls = selfSignedCertificate(['127.0.0.1', UPSTREAM_NAME])
  const cert = join(folder, 'upstream.cert.pem')
  const key = join(folder, 'upstream.key.pem')
  await writeFile(cert, tls.cert)
  await writeFile(key, tls.key, { mode: 0o600 })
  const { output } = await startProcess(process.execPath, [PROGRAM, cert, key], async (text) => /^\d+ \d+\n/.test(text))
  const [port = 0, tlsPort = 0] = output().split(/\s/).map(Number)
  return { port, tlsPort, tls, credential: `inner-door-${randomBytes(18).toString('base64url')}` }
}

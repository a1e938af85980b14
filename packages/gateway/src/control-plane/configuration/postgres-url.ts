import { ok, type Result, refused } from '#core/result.ts'
import { Secret } from '#core/secret.ts'
import type { PostgresSettings } from '#store/ports/settings.ts'

const PORT_DEFAULT = 5432
/** libpq's words for encrypted connections. Whichever is written, the certificate is checked. */
const ENCRYPTED = new Set(['require', 'verify-ca', 'verify-full'])

export interface PostgresAddress extends Pick<PostgresSettings, 'host' | 'port' | 'user' | 'password' | 'database'> {
  /** `sslmode=disable`; null: nothing is said about it. */
  readonly isEncrypted: boolean | null
}

/**
 * Takes a libpq-style URL apart. A refusal never repeats any of it: it may hold a password.
 * `postgres://user:password@host:port/database`, or `postgres://user@/database?host=/folder` for a Unix socket.
 */
export function parsePostgresUrl(text: string): Result<PostgresAddress, string> {
  // The URL parser of the platform wants a host for what it does not know, so an empty one is filled in.
  const url = URL.parse(text.replace(/^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)(?=[/?]|$)/, '$1socket.invalid'))
  if (url === null || !/^postgres(?:ql)?:$/.test(url.protocol)) return refused('This is not a postgres:// URL.')
  if (url.hash !== '') return refused('A `#` in the password must be written as `%23`.')
  const parameters = new Map(url.searchParams)
  const folder = parameters.get('host') ?? null
  const sslmode = parameters.get('sslmode') ?? null
  for (const name of parameters.keys())
    if (name !== 'host' && name !== 'sslmode') return refused('Only `sslmode` and `host` may follow the `?`.')
  if (sslmode !== null && sslmode !== 'disable' && !ENCRYPTED.has(sslmode))
    return refused('`sslmode` is `disable`, `require`, `verify-ca` or `verify-full`; a certificate is always checked.')
  const isSocket = url.hostname === 'socket.invalid'
  if (isSocket !== (folder !== null) || (folder !== null && !folder.startsWith('/')))
    return refused('The URL names no host. A Unix socket is written as `postgres://user@/database?host=/folder`.')
  const user = decode(url.username)
  const password = decode(url.password)
  const database = decode(url.pathname.slice(1))
  if (user === null || password === null || database === null) return refused('The URL has a `%` that escapes nothing.')
  if (user === '' || database === '') return refused('The URL must name a user and a database.')
  return ok({
    host: folder ?? url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? PORT_DEFAULT : Number(url.port),
    user,
    password: password === '' ? null : new Secret(password),
    database,
    isEncrypted: sslmode === null ? null : sslmode !== 'disable',
  })
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

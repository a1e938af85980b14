import { X509Certificate } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { isLoopbackHost } from '#core/loopback-host.ts'
import { Secret } from '#core/secret.ts'
import type { PostgresTls, StoreSettings } from '#store/ports/settings.ts'
import { type PostgresAddress, parsePostgresUrl } from './postgres-url.ts'
import { parseHeaderValue } from './references.ts'
import { type Resolving, resolveReference } from './resolve-server.ts'
import type { StoreSection } from './schema.ts'
import { readPublicFile, readSecretFile } from './secret-files.ts'

type PostgresSection = NonNullable<StoreSection['postgres']>

const PATH = ['store', 'postgres']
const WRITE_REFERENCE = 'Write `${file:path}` (a file that others cannot read) or `${env:NAME}`.'

/** Where the state is kept, with what it takes to get there. Null when something was wrong (and was told). */
export async function resolveStore({ postgres }: StoreSection, resolving: Resolving): Promise<StoreSettings | null> {
  if (postgres === undefined) return { kind: 'sqlite' }
  const address = await resolveAddress(postgres, resolving)
  const password = await resolvePassword(postgres, address, resolving)
  const tls = await resolveTls(postgres, address, resolving)
  if (address === null || password === PROBLEM || tls === PROBLEM) return null
  const { host, port, user, database } = address
  const { schema, connectionsMax, connectTimeoutSeconds, statementTimeoutSeconds } = postgres
  const bounds = { connectionsMax, connectTimeoutSeconds, statementTimeoutSeconds }
  return { kind: 'postgres', host, port, user, password, database, schema, tls, ...bounds }
}

/** Everything but the password, which may change while the gateway runs: two stores with the same words here are the same. */
export function describeStore(settings: StoreSettings): string {
  if (settings.kind === 'sqlite') return 'SQLite in the state folder'
  const { host, port, user, database, schema } = settings
  return `postgres://${user}@${host}:${port}/${database}, schema ${schema}`
}

/** Something was wrong, and was told. */
const PROBLEM: unique symbol = Symbol('problem')

async function resolveAddress({ url }: PostgresSection, resolving: Resolving): Promise<PostgresAddress | null> {
  const { source, problems } = resolving
  const at = [...PATH, 'url']
  const reference = parseHeaderValue(url)
  const isReference = reference !== null && reference.scheme === ''
  if (!isReference && url.includes('${')) {
    problems.push(source.problem(at, 'A reference stands alone here.', `${WRITE_REFERENCE} Or use \`password\`.`))
    return null
  }
  const text = isReference ? await resolveReference(reference.reference, at, resolving) : url
  if (text === null) return null
  const parsed = parsePostgresUrl(text)
  if (!parsed.ok) {
    problems.push(source.problem(at, parsed.refusal, 'Write postgres://user:password@host:5432/database.'))
    return null
  }
  if (!isReference && parsed.value.password !== null) {
    problems.push(source.problem(at, 'This URL holds a literal password.', WRITE_REFERENCE))
    return null
  }
  return parsed.value
}

async function resolvePassword(
  { password }: PostgresSection,
  address: PostgresAddress | null,
  resolving: Resolving,
): Promise<Secret | null | typeof PROBLEM> {
  if (password === undefined) return address?.password ?? null
  const { source, problems } = resolving
  const at = [...PATH, 'password']
  const reference = parseHeaderValue(password)
  if (reference === null || reference.scheme !== '') {
    problems.push(source.problem(at, 'This is not one reference.', WRITE_REFERENCE))
    return PROBLEM
  }
  if (address !== null && address.password !== null) {
    problems.push(source.problem(at, 'The URL holds a password too.', 'Keep one of the two.', 'key'))
    return PROBLEM
  }
  const text = await resolveReference(reference.reference, at, resolving)
  return text === null ? PROBLEM : new Secret(text)
}

async function resolveTls(
  { tls, dangerouslyConnectBeyondLoopbackWithoutTls: mayBeOpen }: PostgresSection,
  address: PostgresAddress | null,
  resolving: Resolving,
): Promise<PostgresTls | null | typeof PROBLEM> {
  const { source, problems, warnings } = resolving
  const isNear = address === null || address.host.startsWith('/') || isLoopbackHost(address.host)
  const wrong = (path: readonly string[], problem: string, instead: string | null = null): typeof PROBLEM => {
    problems.push(source.problem([...PATH, ...path], problem, instead))
    return PROBLEM
  }
  if (address?.isEncrypted === false) {
    if (tls !== undefined) return wrong(['tls'], 'The URL says `sslmode=disable`.', 'Keep one of the two.')
    if (isNear) return null
    if (!mayBeOpen)
      return wrong(
        ['url'],
        'Without TLS whoever is on the way can read and change everything, the accounts first.',
        'Take `sslmode=disable` away. A server with a certificate of its own needs `tls: { authorityFile: … }`.',
      )
    const open = 'The store is reached without TLS, because a dangerous option says so.'
    warnings.push(source.problem([...PATH, 'url'], open))
    return null
  }
  if (tls === undefined)
    return isNear && address?.isEncrypted !== true ? null : { authority: null, certificate: null, privateKey: null }
  if (address?.host.startsWith('/')) return wrong(['tls'], 'A Unix socket knows no TLS.', 'Remove `tls`.')
  if ((tls.certificateFile === undefined) !== (tls.privateKeyFile === undefined))
    return wrong(['tls'], 'Certificate and private key belong together.', 'Give both or neither.')
  return readTlsFiles(tls, resolving)
}

async function readTlsFiles(
  tls: NonNullable<PostgresSection['tls']>,
  { source, problems, files }: Resolving,
): Promise<PostgresTls | typeof PROBLEM> {
  const before = problems.length
  const read = async (key: keyof typeof tls, readFile: typeof readPublicFile) => {
    const path = tls[key]
    if (path === undefined) return null
    const file = resolve(dirname(source.file), path)
    files.add(file)
    const content = await readFile(file)
    if (content.ok) return content.value
    problems.push(source.problem([...PATH, 'tls', key], content.refusal))
    return null
  }
  const authority = await read('authorityFile', readPublicFile)
  const certificate = await read('certificateFile', readPublicFile)
  const privateKey = await read('privateKeyFile', readSecretFile)
  for (const [key, pem] of [
    ['authorityFile', authority],
    ['certificateFile', certificate],
  ] as const) {
    if (pem !== null && !isCertificate(pem))
      problems.push(source.problem([...PATH, 'tls', key], 'This is not a PEM certificate.'))
  }
  if (problems.length > before) return PROBLEM
  return { authority, certificate, privateKey: privateKey === null ? null : new Secret(privateKey) }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined
  } catch {
    return false
  }
}

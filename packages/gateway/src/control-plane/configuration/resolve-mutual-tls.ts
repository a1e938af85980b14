import { dirname, resolve } from 'node:path'
import { Secret } from '#core/secret.ts'
import type { MutualTls } from '#core/snapshot.ts'
import { readCertificates } from '#http/certificate-chain.ts'
import { parseHeaderValue } from './references.ts'
import { type Resolving, resolveReference } from './resolve-server.ts'
import type { GatewaySection } from './schema.ts'
import { readPublicFile } from './secret-files.ts'

const PATH = ['gateway', 'mutualTls']
/** Short enough to guess would be as good as none. */
const SECRET_CHARACTERS_MIN = 32

/** Reads what client certificates are judged by. Null without them, or when something was wrong (and was told). */
export async function resolveMutualTls(
  { mutualTls }: GatewaySection,
  publicUrl: string,
  resolving: Resolving,
): Promise<MutualTls | null> {
  if (mutualTls === undefined) return null
  const authorities = await readAuthorities(mutualTls.authorityFile, resolving)
  const proxy = mutualTls.proxy === undefined ? null : await resolveProxy(mutualTls.proxy, resolving)
  return { publicUrl: mutualTls.publicUrl ?? publicUrl, authorities, proxy }
}

async function readAuthorities(path: string | undefined, resolving: Resolving): Promise<string | null> {
  if (path === undefined) return null
  const { source, problems, files } = resolving
  const file = resolve(dirname(source.file), path)
  files.add(file)
  const wrong = (problem: string) => {
    problems.push(source.problem([...PATH, 'authorityFile'], problem))
    return null
  }
  const read = await readPublicFile(file)
  if (!read.ok) return wrong(read.refusal)
  try {
    const certificates = readCertificates(read.value)
    if (certificates.length === 0) return wrong('There is no PEM certificate in this file.')
    if (!certificates.every(({ ca }) => ca)) return wrong('A certificate in this file may not issue others.')
  } catch {
    return wrong('A certificate in this file cannot be read.')
  }
  return read.value
}

async function resolveProxy(
  proxy: NonNullable<NonNullable<GatewaySection['mutualTls']>['proxy']>,
  resolving: Resolving,
): Promise<MutualTls['proxy']> {
  const { source, problems } = resolving
  const at = [...PATH, 'proxy', 'secret']
  const reference = parseHeaderValue(proxy.secret)
  if (reference === null || reference.scheme !== '') {
    const instead = 'Write `${file:path}` (a file that others cannot read) or `${env:NAME}`.'
    problems.push(source.problem(at, 'This is not one reference.', instead))
    return null
  }
  const secret = await resolveReference(reference.reference, at, resolving)
  if (secret === null) return null
  if (secret.length < SECRET_CHARACTERS_MIN || !/^[\x21-\x7e]+$/.test(secret)) {
    const problem = `The secret needs ${SECRET_CHARACTERS_MIN} printable characters or more.`
    problems.push(source.problem(at, problem, 'Make one: `openssl rand -hex 32`.'))
    return null
  }
  return { addresses: proxy.addresses, secret: new Secret(secret) }
}

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import type { Resolving } from './resolve-server.ts'
import type { GatewaySection } from './schema.ts'
import { readPublicFile, readSecretFile } from './secret-files.ts'

/** PEM texts for the listener. */
export interface TlsMaterial {
  readonly certificate: string
  readonly privateKey: string
}

/** Reads certificate and key and sees that they belong together. Null without TLS, or when something was wrong (and was told). */
export async function resolveTls(gateway: GatewaySection, resolving: Resolving): Promise<TlsMaterial | null> {
  const { tls } = gateway
  if (tls === undefined) return null
  const { source, problems, files } = resolving
  const folder = dirname(source.file)
  const certificateFile = resolve(folder, tls.certificateFile)
  const privateKeyFile = resolve(folder, tls.privateKeyFile)
  files.add(certificateFile).add(privateKeyFile)
  const wrong = (key: 'certificateFile' | 'privateKeyFile', problem: string) => {
    problems.push(source.problem(['gateway', 'tls', key], problem))
    return null
  }
  const [certificate, privateKey] = await Promise.all([readPublicFile(certificateFile), readSecretFile(privateKeyFile)])
  if (!certificate.ok) wrong('certificateFile', certificate.refusal)
  if (!privateKey.ok) wrong('privateKeyFile', privateKey.refusal)
  if (!certificate.ok || !privateKey.ok) return null
  const parsed = attempt(() => new X509Certificate(certificate.value))
  if (parsed === null) return wrong('certificateFile', 'This is not a PEM certificate.')
  const key = attempt(() => createPrivateKey(privateKey.value))
  if (key === null) return wrong('privateKeyFile', 'This is not a PEM private key without a passphrase.')
  if (!parsed.checkPrivateKey(key)) return wrong('privateKeyFile', 'This key does not belong to the certificate.')
  return { certificate: certificate.value, privateKey: privateKey.value }
}

function attempt<T>(make: () => T): T | null {
  try {
    return make()
  } catch {
    return null
  }
}

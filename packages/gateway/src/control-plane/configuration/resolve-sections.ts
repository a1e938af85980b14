import type { ExternalIssuer, Snapshot, UpstreamSpec } from '#core/snapshot.ts'
import { resolveClients } from './resolve-clients.ts'
import { resolveExternalIssuers } from './resolve-external-issuers.ts'
import { resolveIntrospection } from './resolve-introspection.ts'
import { resolveProviders } from './resolve-providers.ts'
import { type Resolving, resolveHttp, resolveStdio } from './resolve-server.ts'
import type { Configuration } from './schema.ts'

export interface ResolvedSections {
  readonly upstreams: ReadonlyMap<string, UpstreamSpec>
  readonly externalIssuers: ReadonlyMap<string, ExternalIssuer>
  readonly known: Pick<Snapshot, 'clients' | 'introspection' | 'identityProviders'>
}

/** Reads what the sections that are one issuer's own refer to. What is wrong is told to `resolving`. */
export async function resolveSections(
  configuration: Configuration,
  issuer: string,
  resolving: Resolving,
): Promise<ResolvedSections> {
  const upstreams = new Map<string, UpstreamSpec>()
  for (const [id, section] of Object.entries(configuration.servers)) {
    const path = ['servers', id]
    if (section.stdio !== undefined) upstreams.set(id, await resolveStdio(section.stdio, [...path, 'stdio'], resolving))
    else if (section.http !== undefined)
      upstreams.set(id, await resolveHttp(section.http, [...path, 'http'], resolving))
  }
  const clients = await resolveClients(configuration, resolving)
  const identityProviders = await resolveProviders(configuration, resolving)
  const externalIssuers = await resolveExternalIssuers(configuration, resolving)
  const introspection = await resolveIntrospection(configuration, issuer, resolving)
  return { upstreams, externalIssuers, known: { clients, introspection, identityProviders } }
}

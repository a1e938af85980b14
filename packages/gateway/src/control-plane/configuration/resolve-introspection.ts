import type { IntrospectionClient } from '#core/snapshot.ts'
import { readClientSecret } from './resolve-clients.ts'
import type { Resolving } from './resolve-server.ts'
import type { Configuration } from './schema.ts'

/** The resource servers of the configuration, secrets read. What is wrong with one is told, and then nothing is used of any. */
export async function resolveIntrospection(
  { introspection, clients, servers }: Configuration,
  publicUrl: string,
  resolving: Resolving,
): Promise<ReadonlyMap<string, IntrospectionClient>> {
  const { source, problems } = resolving
  const resolved = new Map<string, IntrospectionClient>()
  for (const [id, section] of Object.entries(introspection)) {
    const path = ['introspection', id]
    // Its credential is for asking alone.
    if (Object.hasOwn(clients, id))
      problems.push(
        source.problem(path, 'A client of users has this id.', 'Choose another for the resource server.', 'key'),
      )
    section.servers.forEach((server, index) => {
      if (!Object.hasOwn(servers, server))
        problems.push(source.problem([...path, 'servers', index], `There is no server ${server}.`, null, 'value'))
    })
    const secret = await readClientSecret(section.secret, [...path, 'secret'], resolving)
    const resources = [...new Set(section.servers)].map((server) => `${publicUrl}/mcp/${server}`)
    if (secret !== null) resolved.set(id, { id, secret, resources })
  }
  return resolved
}

import { Client } from 'pg'
import { parsePostgresUrl } from '#control-plane/configuration/postgres-url.ts'
import type { PostgresSettings } from '#store/ports/settings.ts'
import { clientConfig } from '#store/postgres/client-config.ts'

/** Settings of a place: a server's URL, with the schema in its fragment. */
export function settingsOf(place: string, changes: Partial<PostgresSettings> = {}): PostgresSettings {
  const [url = '', schema = 'sallyport'] = place.split('#')
  const parsed = parsePostgresUrl(url)
  if (!parsed.ok) throw new Error(parsed.refusal)
  const { host, port, user, password, database, isEncrypted } = parsed.value
  return {
    host,
    port,
    user,
    password,
    database,
    schema,
    tls: isEncrypted === true ? { authority: null, certificate: null, privateKey: null } : null,
    connectionsMax: 10,
    connectTimeoutSeconds: 10,
    statementTimeoutSeconds: 20,
    ...changes,
  }
}

/** A connection of its own, as the user of the URL. */
export async function asSuperuser<T>(place: string, work: (client: Client) => Promise<T>): Promise<T> {
  const settings = settingsOf(place)
  const client = new Client(clientConfig(settings, () => settings.password))
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

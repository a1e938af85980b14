import { randomBytes } from 'node:crypto'
import type { PostgresSettings } from '#store/ports/settings.ts'
import type { Store } from '#store/ports/store.ts'
import { openPostgresStore } from '#store/postgres/open.ts'
import { asSuperuser, settingsOf } from './connect.ts'
import { sharedServerUrl } from './shared.ts'

/** An empty schema on the shared server. A place is the server's URL with the schema in its fragment. */
export async function newPlace(url?: string): Promise<string> {
  return `${url ?? (await sharedServerUrl())}#test_${randomBytes(8).toString('hex')}`
}

export function openPlace(place: string, changes: Partial<PostgresSettings> = {}): Promise<Store> {
  return openPostgresStore({ settings: settingsOf(place, changes) })
}

export async function removePlace(place: string): Promise<void> {
  const { schema } = settingsOf(place)
  await asSuperuser(place, (client) => client.query(`drop schema if exists ${schema} cascade`))
}

/** YAML of the `store:` of a place, whose URL is in a file beside the configuration. */
export function storeYaml(place: string): { readonly yaml: string; readonly files: Readonly<Record<string, string>> } {
  const [url = '', schema = ''] = place.split('#')
  return {
    yaml: `store: { postgres: { url: '\${file:postgres-url}', schema: ${schema}, connectionsMax: 4 } }\n`,
    files: { 'postgres-url': url },
  }
}

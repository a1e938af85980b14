import type { Audit } from '../audit.ts'
import { objectOf } from '../exchange/answer.ts'

/** The published keys, or null where there are none to be read. */
export async function readKeys(audit: Audit): Promise<Readonly<Record<string, unknown>>[] | null> {
  const url = audit.logins.metadata['jwks_uri']
  if (typeof url !== 'string' || !URL.canParse(url)) return null
  const keys = objectOf(await audit.ask({ method: 'GET', url, headers: [['accept', 'application/json']] }))?.['keys']
  return Array.isArray(keys)
    ? keys.filter((key): key is Record<string, unknown> => typeof key === 'object' && key !== null)
    : null
}

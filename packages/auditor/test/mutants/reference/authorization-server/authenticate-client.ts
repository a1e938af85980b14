import type { Incoming } from '../http.ts'
import type { Site } from '../site.ts'
import { type Client, hash } from '../state.ts'

/** RFC 6749 §2.3: by HTTP Basic, or a public client by its id. Null when it is not proven who asks. */
export function authenticateClient(site: Site, { headers }: Incoming, form: Map<string, string>): Client | null {
  const basic = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(headers.authorization ?? '')?.[1]
  if (basic === undefined) {
    const client = site.state.clients.get(form.get('client_id') ?? '')
    return client?.secretHash === null && headers.authorization === undefined ? client : null
  }
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString('utf8').split(':').map(decode)
  const client = site.state.clients.get(id)
  if (form.has('client_id') && form.get('client_id') !== id) return null
  return client?.secretHash === hash(secret) ? client : null
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return ''
  }
}

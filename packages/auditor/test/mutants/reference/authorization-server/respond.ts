import type { Reply } from '../http.ts'
import type { Site } from '../site.ts'

interface Where {
  readonly redirectUri: string
  readonly state: string | null
}

/** The authorization response, in the query of the redirect URI, with the issuer in errors too (RFC 9207 §2). */
export function answerClient(site: Site, { redirectUri, state }: Where, values: Record<string, string>): Reply {
  const target = new URL(redirectUri)
  const isError = 'error' in values
  const fields = new URLSearchParams(values)
  if (state !== null && !site.flawed('state-dropped'))
    fields.set('state', site.flawed('state-changed') ? state.toLowerCase() : state)
  if (!site.flawed('iss-missing') && !(isError && site.flawed('iss-missing-in-errors')))
    fields.set('iss', site.flawed('iss-of-another') ? 'https://login.example.net' : site.issuer)
  if (site.flawed('code-in-fragment') && !isError) target.hash = fields.toString()
  else for (const [name, value] of fields) target.searchParams.set(name, value)
  return {
    status: 303,
    headers: { location: target.href, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' },
  }
}

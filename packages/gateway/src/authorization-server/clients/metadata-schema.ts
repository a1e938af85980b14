import { z } from 'zod'
import { CERTIFICATE_SUBJECTS } from '../sender/certificate-subject.ts'
import { cleanDisplayText } from './display-text.ts'

/** Longest client name that is shown, in characters. */
export const CLIENT_NAME_LENGTH_MAX = 100
const TEXT_LENGTH_MAX = 200
const SCOPE_LENGTH_MAX = 2_000
const URL_LENGTH_MAX = 1_024
const LIST_MAX = 20
const REDIRECTS_SENT_MAX = 50
const KEYS_MAX = 10

/** Informational text: an over-long or empty one is left out rather than refused (RFC 7591 §3.2.1 lets the server do so). */
const text = z.string().transform((value) => {
  const clean = cleanDisplayText(value)
  return clean === '' || clean.length > TEXT_LENGTH_MAX ? undefined : clean
})

/**
 * A link for people. `javascript:` and its like refuse the client, since nothing honest sends them; plain http is left out, because
 * development tools do send it and no page of ours would show it.
 */
const link = z.string().transform((value, context) => {
  if (value === '') return undefined
  const url = value.length <= URL_LENGTH_MAX && /^[\x21-\x7e]+$/.test(value) ? URL.parse(value) : null
  const isWeb = url !== null && (url.protocol === 'https:' || url.protocol === 'http:')
  if (!isWeb || url.username !== '' || url.password !== '') {
    context.addIssue({ code: 'custom', message: 'must be an https URL' })
    return z.NEVER
  }
  return url.protocol === 'https:' ? value : undefined
})

/** A URL this gateway may have to fetch: https and nothing else. Where it leads is judged again at the connection. */
const fetchable = z.string().refine((value) => {
  const url = value.length <= URL_LENGTH_MAX && /^[\x21-\x5b\x5d-\x7e]+$/.test(value) ? URL.parse(value) : null
  return url !== null && url.protocol === 'https:' && url.username === '' && url.password === '' && !value.includes('#')
}, 'must be an https URL')

const words = z.array(z.string().max(TEXT_LENGTH_MAX)).max(LIST_MAX)

/**
 * RFC 7591 §2 as clients send it, both at the registration endpoint and in metadata documents. Unknown members are dropped, and null
 * counts as absent. Redirect URIs are judged afterwards, by `checkRedirectUri`.
 */
export const sentMetadata = z.preprocess(
  withoutNulls,
  z.object({
    redirect_uris: z.array(z.string()).min(1, 'must name at least one redirect URI').max(REDIRECTS_SENT_MAX),
    client_name: z
      .string()
      .max(4 * CLIENT_NAME_LENGTH_MAX)
      .transform(cleanDisplayText)
      .refine(
        (name) => name.length <= CLIENT_NAME_LENGTH_MAX,
        `must be at most ${CLIENT_NAME_LENGTH_MAX} characters long`,
      )
      .optional(),
    application_type: z.string().optional(),
    grant_types: words.optional(),
    response_types: words.optional(),
    token_endpoint_auth_method: z.string().max(TEXT_LENGTH_MAX).optional(),
    scope: z.string().max(SCOPE_LENGTH_MAX).optional(),
    client_uri: link.optional(),
    logo_uri: link.optional(),
    tos_uri: link.optional(),
    policy_uri: link.optional(),
    contacts: z.array(text).max(LIST_MAX).optional(),
    software_id: text.optional(),
    software_version: text.optional(),
    require_pushed_authorization_requests: z.boolean().optional(),
    dpop_bound_access_tokens: z.boolean().optional(),
    tls_client_certificate_bound_access_tokens: z.boolean().optional(),
    ...CERTIFICATE_SUBJECTS,
    jwks_uri: fetchable.optional(),
    jwks: z.object({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(KEYS_MAX) }).optional(),
  }),
)

export type SentMetadata = z.output<typeof sentMetadata>

function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))
}

/** What the store holds, read back: the columns were written from `ClientMetadataWire`, and still nothing unknown gets through. */
export const storedMetadata = z.object({
  client_name: z.string(),
  redirect_uris: z.array(z.string()),
  application_type: z.enum(['native', 'web']),
  grant_types: z.array(z.enum(['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:jwt-bearer'])),
  response_types: z.tuple([z.literal('code')]),
  token_endpoint_auth_method: z.enum([
    'none',
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    'tls_client_auth',
    'self_signed_tls_client_auth',
  ]),
  client_uri: z.string().optional(),
  logo_uri: z.string().optional(),
  tos_uri: z.string().optional(),
  policy_uri: z.string().optional(),
  contacts: z.array(z.string()).optional(),
  software_id: z.string().optional(),
  software_version: z.string().optional(),
  require_pushed_authorization_requests: z.boolean().optional(),
  dpop_bound_access_tokens: z.boolean().optional(),
  tls_client_certificate_bound_access_tokens: z.boolean().optional(),
  ...CERTIFICATE_SUBJECTS,
  jwks_uri: z.string().optional(),
  jwks: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }).optional(),
})

import { ok, type Result, refused } from '#core/result.ts'
import type { ExternalIssuer } from '#core/snapshot.ts'
import { createFetchSmall } from '#net/fetch-small.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'

const ANSWER_BYTES_MAX = 64 * 1024
const TIMEOUT_MS = 3_000
const DEPTH_MAX = 16

type ByIntrospection = Extract<ExternalIssuer['by'], { kind: 'introspection' }>

/** RFC 7662: what the issuer says of a token now. Null where it says that the token is good for nothing; refuses where nothing can be known. */
export async function introspectToken(
  token: string,
  { endpoint, clientId, secret }: ByIntrospection,
  network: ExternalIssuer['network'],
): Promise<Result<Readonly<Record<string, unknown>> | null, 'introspectionUnavailable'>> {
  const fetchSmall = createFetchSmall({ network, bytesMax: ANSWER_BYTES_MAX, timeoutMs: TIMEOUT_MS })
  try {
    // RFC 6749 §2.3.1: both halves are form-encoded before they are put together.
    const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(secret.reveal())}`
    const answer = await fetchSmall(endpoint, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
      },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
    })
    if (answer.status !== 200) return refused('introspectionUnavailable')
    const parsed = parseJson(Buffer.from(await answer.arrayBuffer()), { depthMax: DEPTH_MAX, numbers: 'request' })
    if (!parsed.ok || !isJsonObject(parsed.value)) return refused('introspectionUnavailable')
    // Anything but the word itself is no.
    return ok(parsed.value['active'] === true ? parsed.value : null)
  } catch {
    return refused('introspectionUnavailable')
  }
}

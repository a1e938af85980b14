import { fetchDocument } from '#net/fetch-document.ts'

/** A key set of a client; a few keys fit well. */
export const JWKS_BYTES_MAX = 64 * 1024
const JWKS_TIMEOUT_MS = 2_500

/**
 * The engine's only way out: the `jwks_uri` of a client that authenticates with `private_key_jwt`. Everything else that it might fetch is
 * switched off. Addresses are checked before connecting, and only public ones are reached: the URL comes from a client.
 */
export async function fetchKeys(url: string | URL): Promise<Response> {
  const answer = await fetchDocument(String(url), {
    accept: 'application/json',
    bytesMax: JWKS_BYTES_MAX,
    timeoutMs: JWKS_TIMEOUT_MS,
    network: 'public',
  })
  if (!answer.ok) throw new Error(`fetching a client's keys: ${answer.refusal.reason}`)
  return new Response(Buffer.from(answer.value.body), { status: answer.value.status })
}

import type { HttpExchange } from '#http/exchange.ts'
import { readBody } from '#http/read-body.ts'
import { sendJson } from '#http/respond.ts'
import type { ClientRegistry } from './clients/registry.ts'

const REGISTRATION_BYTES_MAX = 64 * 1024

/** RFC 7591 §3: reads the JSON document and hands it to the registry, which decides and words the answer. */
export async function register(exchange: HttpExchange, registry: ClientRegistry): Promise<void> {
  const { request, response, requestId, clientAddress } = exchange
  const refuse = (status: number, description: string) =>
    sendJson(response, status, {
      error: 'invalid_client_metadata',
      error_description: `${description} (request ${requestId})`,
    })
  const mediaType = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') return refuse(415, 'The content type must be application/json')
  const body = await readBody(request, REGISTRATION_BYTES_MAX)
  if (!body.ok) {
    if (body.refusal === 'tooLarge') return refuse(413, 'The document is larger than 64 KiB')
    return refuse(body.refusal === 'timedOut' ? 408 : 400, 'The document did not arrive whole')
  }
  let document: unknown
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body.value))
  } catch {
    return refuse(400, 'The document is not valid JSON')
  }
  const answer = await registry.register(document, { address: clientAddress, requestId })
  sendJson(response, answer.status, answer.body)
}

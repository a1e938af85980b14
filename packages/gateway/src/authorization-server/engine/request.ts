import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { pathOf } from '#core/issuer-url.ts'

export interface EngineRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query below the issuer. */
  readonly url: string
  /** `P` or a tenant's issuer, or its like at the origin for client certificates where the request came in there. */
  readonly issuer: string
  readonly cookie: string | undefined
  readonly authorization: string | undefined
  /** A DPoP proof that has been read and found well-formed. */
  readonly dpop: string | undefined
  /** Form parameters of a POST. */
  readonly form: URLSearchParams | null
}

/**
 * The request that the engine sees: made by us from what we have read and checked, with the host and scheme of P. The engine builds URLs
 * from the Host header, and knows headers (client attestation, Origin, X-Forwarded-Host) that must not reach it unchecked; a header
 * that is not named here does not exist for it. It has a socket of its own that leads nowhere.
 */
export function engineRequest(of: EngineRequest): IncomingMessage {
  const { protocol, host } = new URL(of.issuer)
  const request: IncomingMessage & { baseUrl?: string } = new IncomingMessage(new Socket())
  // What the engine puts in front of the paths that it knows, in every URL that it builds.
  request.baseUrl = pathOf(of.issuer)
  request.method = of.method
  request.url = of.url
  request.httpVersion = '1.1'
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  const body = of.form === null ? null : Buffer.from(of.form.toString())
  const headers: Record<string, string | undefined> = {
    host,
    // Believed because the engine runs with `proxy` on; this is the only place it can come from.
    'x-forwarded-host': host,
    'x-forwarded-proto': protocol.slice(0, -1),
    accept: 'application/json',
    cookie: of.cookie,
    authorization: of.authorization,
    dpop: of.dpop,
    'content-type': body === null ? undefined : 'application/x-www-form-urlencoded',
    'content-length': body === null ? undefined : String(body.length),
  }
  request.headers = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
  if (body !== null && body.length > 0) request.push(body)
  request.push(null)
  request.complete = true
  return request
}

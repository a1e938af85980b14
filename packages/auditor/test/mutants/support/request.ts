import { type IncomingHttpHeaders, request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

interface Sent {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string
  /** PEM of an authority to trust. */
  readonly authority?: string | null
}

/** One HTTP request with exactly these headers: no redirects, no cookies. */
export function request(url: string, { method = 'GET', headers = {}, body, authority }: Sent = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? tlsRequest : plainRequest
    const options = { method, headers, agent: false, ...(authority == null ? {} : { ca: authority }) }
    const sent = send(url, options, (response) => {
      const chunks: Buffer[] = []
      response
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        )
        .on('error', reject)
    })
    sent.on('error', reject).end(body)
  })
}

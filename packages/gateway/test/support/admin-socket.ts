import { request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import { socketPath } from '#control-plane/admin-api/socket-path.ts'

export interface AdminAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** One request of the admin API over the socket of a state folder, as the CLI makes it. */
export function askSocket(
  stateDir: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<AdminAnswer> {
  const payload = body === undefined ? null : JSON.stringify(body)
  const sized =
    payload === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        socketPath: socketPath(stateDir),
        method,
        path: `/api/v1${path}`,
        headers: { host: 'localhost', ...sized, ...headers },
      },
      (response) => {
        text(response).then(
          (whole) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: whole }),
          reject,
        )
      },
    )
    sent.on('error', reject)
    sent.end(payload ?? undefined)
  })
}

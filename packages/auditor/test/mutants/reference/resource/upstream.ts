import { request as plainRequest } from 'node:http'
import type { Incoming } from '../http.ts'
import type { Site } from '../site.ts'

/** Asks the server behind this one, in its own name. */
export function askUpstream({ upstreamUrl, flawed }: Site, { headers }: Incoming): Promise<void> {
  if (upstreamUrl === null) return Promise.resolve()
  const authorization = flawed('token-passed-on') ? (headers.authorization ?? '') : 'Bearer of-the-server-itself'
  return new Promise((resolve, reject) => {
    plainRequest(
      upstreamUrl,
      { method: 'POST', agent: false, headers: { 'content-type': 'application/json', authorization } },
      (answer) => void answer.resume().on('end', resolve),
    )
      .on('error', reject)
      .end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }))
  })
}

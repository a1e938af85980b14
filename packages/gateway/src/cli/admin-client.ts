import { request as httpRequest } from 'node:http'
import { createInterface } from 'node:readline'
import type { AdminError } from '#control-plane/admin-api/errors.ts'
import { API_PREFIX } from '#control-plane/admin-api/openapi.ts'
import type { RawRequest } from '#control-plane/admin-api/operation.ts'
import { OPERATIONS } from '#control-plane/admin-api/operations.ts'
import type { OperationId } from '#control-plane/admin-api/permissions.ts'
import { ok, type Result, refused } from '#core/result.ts'
import { systemErrorCode } from '#core/system-error.ts'
import { CliFailure, EXIT } from './exit-codes.ts'

export type AdminRequest = Partial<Pick<RawRequest, 'params' | 'query' | 'body'>>

/** The admin API as the commands see it, wherever it runs. */
export interface AdminClient {
  call(operation: OperationId, request?: AdminRequest): Promise<Result<unknown, AdminError>>
  /** For operations that answer lines: each parsed. */
  lines(operation: OperationId): AsyncIterable<unknown>
  close(): Promise<void>
}

const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const CONNECT_TIMEOUT_MS = 5_000

/** Speaks to a running server. Null when nobody listens there. */
export async function connectToSocket(path: string): Promise<AdminClient | null> {
  const client: AdminClient = {
    call: async (operation, request = {}) => {
      const { status, stream } = await send(path, operation, request)
      let text = ''
      for await (const chunk of stream) {
        text += chunk
        if (text.length > ANSWER_BYTES_MAX) throw new CliFailure(EXIT.unreachable, 'the server answered too much')
      }
      const body = parse(text)
      if (status < 300) return ok(body)
      const error = (body as { error?: AdminError } | null)?.error // ErrorBody of the admin API
      if (error === undefined)
        throw new CliFailure(EXIT.unreachable, `the server answered ${status} without saying why`)
      return refused(error)
    },
    lines: async function* (operation) {
      const { status, stream } = await send(path, operation, {})
      if (status >= 300) throw new CliFailure(EXIT.unreachable, `the server answered ${status}`)
      for await (const line of createInterface({ input: stream })) if (line !== '') yield parse(line)
      if (!stream.complete) throw new CliFailure(EXIT.unreachable, 'the server stopped in the middle of its answer')
    },
    close: async () => undefined,
  }
  try {
    await send(path, 'health.show', {}).then(({ stream }) => stream.resume())
    return client
  } catch (cause) {
    const code = systemErrorCode(cause)
    // No socket, or one that a dead process left behind.
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') return null
    throw new CliFailure(EXIT.unreachable, 'the running server did not answer on its socket', { cause })
  }
}

async function send(socketPath: string, id: OperationId, { params = {}, query = {}, body }: AdminRequest) {
  const operation = OPERATIONS.find((candidate) => candidate.id === id)
  if (operation === undefined) throw new Error(`no operation ${id}`)
  const path = operation.path.replace(/:([a-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const search = new URLSearchParams(query).toString()
  const payload = body === undefined ? null : JSON.stringify(body)
  return new Promise<{ status: number; stream: import('node:http').IncomingMessage }>((resolve, reject) => {
    const outgoing = httpRequest(
      {
        socketPath,
        method: operation.method,
        path: `${API_PREFIX}${path}${search === '' ? '' : `?${search}`}`,
        headers: {
          host: 'localhost',
          ...(payload === null
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        },
        // Only until the answer begins: verifying a long log takes its time.
        ...(id === 'health.show' ? { timeout: CONNECT_TIMEOUT_MS } : {}),
      },
      (incoming) => {
        incoming.setEncoding('utf8')
        resolve({ status: incoming.statusCode ?? 500, stream: incoming })
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.on('error', reject)
    outgoing.end(payload ?? undefined)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CliFailure(EXIT.unreachable, 'the server answered something else than JSON', { cause })
  }
}

import { ok, type Result, refused } from '#core/result.ts'
import type { JsonRpcMessage, JsonRpcNotification, JsonRpcResponse } from '#wire/jsonrpc/message.ts'
import { metaOf, SUBSCRIPTION_ID_META } from '#wire/mcp/meta.ts'
import type { OpenConnection, UpstreamConnection, UpstreamFailure } from './connection.ts'
import type { ModernExchange, ModernTransport } from './modern-transport.ts'

interface Waiting {
  readonly exchange: ModernExchange
  readonly end: (answer: Result<JsonRpcResponse, UpstreamFailure>) => void
}

/**
 * One process of the modern era, all requests of one owner on its one channel: answers find their request by our id, progress by our
 * token, and what a subscription brings by the id of its `subscriptions/listen`.
 */
export async function openModernStdio(
  open: OpenConnection,
  onClosed: (reason: string) => void,
): Promise<Result<ModernTransport, UpstreamFailure>> {
  const waiting = new Map<number, Waiting>()
  const endAll = (reason: string) => {
    for (const { end } of [...waiting.values()]) end(refused({ reason }))
  }
  /** Notifications are handed on one after the other; while a reader is slow, the process rests. */
  let unread = 0
  const connection: Result<UpstreamConnection, UpstreamFailure> = await open({
    onMessage: (message) => {
      const passing = receive(message, waiting)
      if (passing === null || !connection.ok) return
      unread += 1
      if (unread === 1) connection.value.pause()
      void passing.finally(() => {
        unread -= 1
        if (unread === 0) connection.value.resume()
      })
    },
    onLost: (ourId, reason) => waiting.get(ourId)?.end(refused({ reason })),
    onClosed: (reason) => {
      endAll(reason)
      onClosed(reason)
    },
  })
  if (!connection.ok) return connection
  const channel = connection.value
  return ok({
    exchange: (exchange) => exchangeOver(channel, exchange, waiting),
    close: async () => {
      endAll('sessionEnded')
      await channel.close()
    },
  })
}

async function exchangeOver(
  channel: UpstreamConnection,
  exchange: ModernExchange,
  waiting: Map<number, Waiting>,
): Promise<Result<JsonRpcResponse, UpstreamFailure>> {
  const { ourId, object, signal } = exchange
  if (signal.aborted) return refused({ reason: 'aborted' })
  const { promise, resolve } = Promise.withResolvers<Result<JsonRpcResponse, UpstreamFailure>>()
  waiting.set(ourId, { exchange, end: resolve })
  let isSent = false
  const cancel = () => {
    const params = { requestId: ourId }
    if (isSent) void channel.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
    // What still waits for the process to read is withdrawn, so there is nothing to cancel.
    else channel.forget(ourId)
    resolve(refused({ reason: 'aborted' }))
  }
  signal.addEventListener('abort', cancel, { once: true })
  // Beside the outcome, not before it: a process that reads nothing must not hold a caller beyond its time.
  void channel.send(object).then((sent) => {
    isSent = sent.ok
    if (!sent.ok) resolve(sent)
  })
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', cancel)
    waiting.delete(ourId)
  }
}

/** A promise while the receiver has not taken it; null when it went nowhere or at once. */
function receive(message: JsonRpcMessage, waiting: Map<number, Waiting>): Promise<void> | null {
  if (message.kind === 'response') {
    if (typeof message.id === 'number') waiting.get(message.id)?.end(ok(message))
    return null
  }
  // The server MUST NOT write requests; nobody would answer them.
  if (message.kind === 'request') return null
  const receiver = receiverOf(message, waiting)
  const taken = receiver?.exchange.onNotification(message)
  return taken instanceof Promise ? taken.catch(() => {}) : null
}

function receiverOf(notification: JsonRpcNotification, waiting: Map<number, Waiting>): Waiting | null {
  const { method, params } = notification
  if (method === 'notifications/cancelled') {
    const requestId = params?.['requestId']
    return typeof requestId === 'number' ? (waiting.get(requestId) ?? null) : null
  }
  const subscription = metaOf(params)?.[SUBSCRIPTION_ID_META]
  if (typeof subscription === 'number') return waiting.get(subscription) ?? null
  if (method === 'notifications/progress') {
    const token = params?.['progressToken']
    return typeof token === 'number' ? (waiting.get(token) ?? null) : null
  }
  // A log message names no request; with several under way nobody can tell whose it is.
  const [only, another] = [...waiting.values()]
  return only !== undefined && another === undefined ? only : null
}

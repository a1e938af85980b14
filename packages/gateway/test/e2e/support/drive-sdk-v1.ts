import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ResultSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { ANSWERS, type TourStep } from './tour.ts'

/** A process to talk to, or a URL. */
export type Target =
  | string
  | { readonly command: string; readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> }

/** The SDK of the first generation takes these steps, one after the other, and leaves. */
export async function driveSdkV1(target: Target, steps: readonly TourStep[]): Promise<void> {
  const client = new Client(
    { name: 'sdk-v1', version: '1.32.2', title: 'Corpus \u{1f4fc}' },
    { capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } } },
  )
  client.setRequestHandler(ElicitRequestSchema, () => ANSWERS.elicitation)
  client.setRequestHandler(ListRootsRequestSchema, () => ANSWERS.roots)
  client.setRequestHandler(CreateMessageRequestSchema, () => ANSWERS.sampling)
  // The SDK's own transport types are not written for `exactOptionalPropertyTypes`.
  const transport = (
    typeof target === 'string'
      ? new StreamableHTTPClientTransport(new URL(target))
      : new StdioClientTransport({
          command: target.command,
          args: [...target.args],
          stderr: 'ignore',
          ...(target.env === undefined ? {} : { env: { ...target.env } }),
        })
  ) as Transport
  await client.connect(transport)
  for (const { method, params, wantsProgress, cancelsAfterMs } of steps) {
    if (method.startsWith('notifications/')) {
      await client.notification({ method: 'notifications/roots/list_changed' })
      continue
    }
    await client
      .request({ method, params: { ...params } } as never, ResultSchema, {
        ...(wantsProgress === true ? { onprogress: () => {} } : {}),
        ...(cancelsAfterMs === undefined ? {} : { signal: AbortSignal.timeout(cancelsAfterMs) }),
      })
      // Errors are part of a tour.
      .catch(() => {})
  }
  if (transport instanceof StreamableHTTPClientTransport) await transport.terminateSession()
  await client.close()
}

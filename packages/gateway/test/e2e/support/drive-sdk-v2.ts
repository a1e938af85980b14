import { Client, type ClientOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { Target } from './drive-sdk-v1.ts'
import { ANSWERS, type TourStep } from './tour.ts'

export const LISTEN = 'subscriptions/listen'

/** The SDK of the second generation takes these steps, one after the other, and leaves. `revision` is what it asks for. */
export async function driveSdkV2(target: Target, revision: string, steps: readonly TourStep[]): Promise<void> {
  const isModern = revision === '2026-07-28'
  const options: ClientOptions = {
    capabilities: { sampling: {}, elicitation: { form: {} }, roots: {} },
    versionNegotiation: { mode: isModern ? { pin: revision } : 'legacy' },
    ...(isModern ? {} : { supportedProtocolVersions: [revision] }),
  }
  const client = new Client({ name: 'sdk-v2', version: '2.4.0', title: 'Corpus \u{1f4fc}' }, options)
  client.setRequestHandler('elicitation/create', async () => ANSWERS.elicitation)
  client.setRequestHandler('roots/list', async () => ANSWERS.roots)
  client.setRequestHandler('sampling/createMessage', async () => ANSWERS.sampling)
  const transport =
    typeof target === 'string'
      ? new StreamableHTTPClientTransport(new URL(target))
      : new StdioClientTransport({
          command: target.command,
          args: [...target.args],
          stderr: 'ignore',
          ...(target.env === undefined ? {} : { env: { ...target.env } }),
        })
  await client.connect(transport)
  for (const step of steps) {
    // Errors are part of a tour.
    await take(client, step).catch(() => {})
  }
  if (transport instanceof StreamableHTTPClientTransport && !isModern) await transport.terminateSession()
  await client.close()
}

async function take(client: Client, { method, params = {}, wantsProgress, cancelsAfterMs }: TourStep): Promise<void> {
  const options = {
    ...(wantsProgress === true ? { onprogress: () => {} } : {}),
    ...(cancelsAfterMs === undefined ? {} : { signal: AbortSignal.timeout(cancelsAfterMs) }),
  }
  if (method === LISTEN) {
    const subscription = await client.listen(params, options)
    await client.callTool({ name: 'test_trigger_tool_change' })
    await client.callTool({ name: 'test_trigger_prompt_change' })
    await subscription.close()
  } else if (method === 'tools/call') await client.callTool(params as never, options)
  else if (method === 'tools/list') await client.listTools(params as never, options)
  else if (method === 'prompts/get') await client.getPrompt(params as never, options)
  else if (method === 'resources/read') await client.readResource(params as never, options)
  // The steps are written by hand below `corpus/record`.
  else await client.request({ method, params } as never, options)
}

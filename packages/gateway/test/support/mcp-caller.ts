import { addUser, admin, type Place } from './gateway-process.ts'
import { fetchThrough, type IssuedTokens, initialize, logInScripted, post, requestToken } from './scripted-client.ts'

/** One person's client on one server: logged in, with a session when it wants one. */
export interface McpCaller {
  readonly send: typeof fetch
  readonly url: string
  readonly tokens: IssuedTokens
  /** A POST with token and session. */
  post(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
  call(id: number | string, tool: string, args?: object): Promise<Response>
  openSession(revision?: string): Promise<void>
  readonly session: () => Readonly<Record<string, string>>
  refresh(): Promise<Response>
}

export async function logInCaller(place: Place, username: string, server: string): Promise<McpCaller> {
  const { origin, port } = place
  const send = fetchThrough({ port, ca: null })
  const person = await addUser(place, username)
  const url = `${origin}/mcp/${server}`
  const tokens = await logInScripted(
    send,
    { authorize: `${origin}/oauth/authorize`, token: `${origin}/oauth/token`, register: `${origin}/oauth/register` },
    person,
    { resource: url, scope: `${server}:read ${server}:write` },
  )
  let session: Readonly<Record<string, string>> = {}
  const caller: McpCaller = {
    send,
    url,
    tokens,
    post: (body, headers = {}) => post(send, url, tokens.access_token, body, { ...session, ...headers }),
    call: (id, tool, args = {}) =>
      caller.post({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: tool, arguments: args } }),
    openSession: async (revision = '2025-11-25') => {
      const opened = await initialize(send, url, tokens.access_token, revision)
      const id = opened.headers.get('mcp-session-id')
      if (id === null) throw new Error(`no session: ${opened.status} ${await opened.text()}`)
      session = { 'mcp-session-id': id, 'mcp-protocol-version': revision }
      await caller.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
    },
    session: () => session,
    refresh: () =>
      requestToken(send, `${origin}/oauth/token`, {
        grant_type: 'refresh_token',
        refresh_token: tokens.refresh_token ?? '',
        client_id: tokens.clientId,
      }),
  }
  return caller
}

/** What the log holds under a request id, as `sallyport log explain` tells it. */
export async function explain(
  place: Place,
  requestId: string,
): Promise<{ activity: string; outcome: string; reason: string | null }[]> {
  const { status, text } = await admin(place, 'GET', `/log/requests/${requestId}`)
  if (status === 404) return []
  if (status !== 200) throw new Error(`no explanation: ${status} ${text}`)
  return (JSON.parse(text) as { records: { activity: string; outcome: string; reason: string | null }[] }).records
}

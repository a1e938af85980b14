import type { Person } from '../e2e/support/authorize.ts'
import type { GrantsGateway } from './grants-gateway.ts'
import { authorizeClient, type IssuedTokens, REDIRECT_URI, requestToken } from './scripted-client.ts'

/** Tokens that a person gave to a public client of the configuration. */
export async function personToken(
  world: GrantsGateway,
  person: Person,
  options: {
    readonly clientId: string
    readonly server: string
    readonly scope: string
    readonly headers?: (nonce: string | null) => Promise<Readonly<Record<string, string>>>
  },
): Promise<Omit<IssuedTokens, 'clientId'>> {
  const { clientId, server, scope, headers = async () => ({}) } = options
  const resource = world.resource(server)
  const { callback, verifier } = await authorizeClient(fetch, `${world.origin}/oauth/authorize`, clientId, person, {
    resource,
    scope,
  })
  const redeem = async (nonce: string | null) => {
    const more = await headers(nonce)
    const send: typeof fetch = (input, init) =>
      fetch(input, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...more } })
    return requestToken(send, world.token, {
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      code_verifier: verifier,
      client_id: clientId,
      redirect_uri: REDIRECT_URI,
      resource,
    })
  }
  let answer = await redeem(null)
  const nonce = answer.headers.get('dpop-nonce')
  if (answer.status === 400 && nonce !== null) answer = await redeem(nonce)
  if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as Omit<IssuedTokens, 'clientId'>
}

import { createHash, randomBytes } from 'node:crypto'
import { decodeJwt } from 'jose'
import { authorizeAsPerson, type Person } from '../../e2e/support/authorize.ts'
import type { ScriptedBrowser } from '../../e2e/support/browser.ts'
import { addUser, admin, type Place } from '../gateway-process.ts'
import {
  fetchThrough,
  initialize,
  logInScripted,
  post,
  REDIRECT_URI,
  registerClient,
  requestToken,
} from '../scripted-client.ts'
import type { Chance } from './chance.ts'
import type { HeldGrant, Ledger } from './ledger.ts'

/** Grants left for the others before one is revoked. */
const GRANTS_KEPT_MIN = 2

export interface Workload {
  readonly place: Place
  readonly ledger: Ledger
  readonly chance: Chance
  /** Makes names unique among all rounds. */
  readonly round: number
  readonly person: Person
  /** A grant per server, used by its caller alone. */
  readonly callers: readonly HeldGrant[]
  /** Tools of the recording server in this round. */
  readonly tools: readonly string[]
  /** Disabled at some moment of the round, with what was granted. */
  readonly victim: { readonly username: string; readonly grant: HeldGrant } | null
  /** Logged in as the person, or about to be. */
  readonly browser: ScriptedBrowser
}

/** A new connection per request: none of them is left over from a process that was killed. */
export function connectionTo(place: Place): typeof fetch {
  return fetchThrough({ port: place.port, ca: null })
}

/** Everybody works until `isOver`; then what fails is the kill. Resolves when the last of them has seen it. */
export async function work(workload: Workload, isOver: () => boolean): Promise<void> {
  const { ledger } = workload
  const untilOver = async (name: string, step: () => Promise<void>) => {
    while (!isOver()) {
      try {
        await step()
      } catch (cause) {
        if (isOver()) return
        ledger.faults.push(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`)
        return
      }
    }
  }
  const [recorder, memory] = workload.callers
  if (recorder === undefined || memory === undefined) throw new Error('two callers')
  const callRecorder = caller(workload, recorder, workload.tools)
  const callMemory = caller(workload, memory, ['create_entities', 'read_graph'])
  await Promise.all([
    untilOver('authorize', () => authorize(workload)),
    untilOver('refresh', () => refresh(workload)),
    untilOver('refresh too', () => refresh(workload)),
    untilOver('call', callRecorder),
    untilOver('call too', caller(workload, recorder, workload.tools.toReversed())),
    untilOver('call memory', callMemory),
    untilOver('revoke', () => revoke(workload)),
    untilOver('administer', administrator(workload)),
  ])
}

export async function logIn(place: Place, person: Person, server: string): Promise<HeldGrant> {
  const { origin } = place
  const endpoints = {
    authorize: `${origin}/oauth/authorize`,
    token: `${origin}/oauth/token`,
    register: `${origin}/oauth/register`,
  }
  const tokens = await logInScripted(connectionTo(place), endpoints, person, parametersFor(place, server))
  if (tokens.refresh_token === undefined) throw new Error('no refresh token')
  return {
    clientId: tokens.clientId,
    server,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    isBusy: false,
  }
}

function parametersFor({ origin }: Place, server: string) {
  return { resource: `${origin}/mcp/${server}`, scope: `${server}:read ${server}:write` }
}

/** Registration, consent in a browser that stays logged in, exchange of the code. */
async function authorize({ place, ledger, person, browser }: Workload): Promise<void> {
  const send = connectionTo(place)
  const clientId = await registerClient(send, `${place.origin}/oauth/register`)
  ledger.clients.add(clientId)
  ledger.count('registration')
  const verifier = randomBytes(32).toString('base64url')
  const url = new URL(`${place.origin}/oauth/authorize`)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: 's',
    ...parametersFor(place, 'recorder'),
  }).toString()
  const callback = await authorizeAsPerson(url.href, person, { browser })
  const answer = await requestToken(send, `${place.origin}/oauth/token`, {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    code_verifier: verifier,
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
  })
  ledger.grants.push({ clientId, server: 'recorder', isBusy: false, ...(await tokensOf(answer)) })
  ledger.count('exchange')
}

async function tokensOf(answer: Response): Promise<Pick<HeldGrant, 'accessToken' | 'refreshToken'>> {
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`no tokens: ${answer.status} ${text}`)
  const { access_token: accessToken, refresh_token: refreshToken } = JSON.parse(text) as Record<string, unknown>
  if (typeof accessToken !== 'string' || typeof refreshToken !== 'string') throw new Error(`no tokens: ${text}`)
  return { accessToken, refreshToken }
}

/** Rejects if the refresh is refused, or its answer does not arrive: then the grant has the token of before. */
export async function refreshGrant(place: Place, grant: HeldGrant): Promise<void> {
  const answer = await requestToken(connectionTo(place), `${place.origin}/oauth/token`, {
    grant_type: 'refresh_token',
    refresh_token: grant.refreshToken,
    client_id: grant.clientId,
  })
  Object.assign(grant, await tokensOf(answer))
}

async function refresh({ place, ledger, chance }: Workload): Promise<void> {
  const grant = ledger.take(
    (free) => chance.of(free),
    () => true,
  )
  if (grant === null) return await rest(chance)
  const begunAtMs = Date.now()
  try {
    await refreshGrant(place, grant)
    ledger.count('refresh')
  } catch (cause) {
    ledger.forget(grant)
    ledger.unanswered.push({ grant, begunAtMs })
    throw cause
  } finally {
    grant.isBusy = false
  }
}

/** By turns as an operator does it and as a client does. */
async function revoke({ place, ledger, chance }: Workload): Promise<void> {
  await rest(chance)
  if (ledger.grants.length <= GRANTS_KEPT_MIN) return
  const grant = ledger.take(
    (free) => chance.of(free),
    () => true,
  )
  if (grant === null) return
  ledger.forget(grant)
  if (chance.next() < 0.5) {
    const { gid } = decodeJwt(grant.accessToken)
    const answer = await admin(place, 'DELETE', `/grants/${String(gid)}`)
    if (answer.status !== 200) throw new Error(`not revoked: ${answer.status} ${answer.text}`)
  } else {
    const answer = await requestToken(connectionTo(place), `${place.origin}/oauth/revoke`, {
      token: grant.refreshToken,
      client_id: grant.clientId,
    })
    await answer.text()
    if (answer.status !== 200) throw new Error(`not revoked: ${answer.status}`)
  }
  ledger.revoked.push(grant)
  ledger.count('revocation')
}

function administrator({ place, ledger, chance, round, victim }: Workload): () => Promise<void> {
  let count = 0
  return async () => {
    await rest(chance)
    if (count === 1 && victim !== null) {
      await disable(place, ledger, victim.username)
      ledger.revoked.push(victim.grant)
    }
    count += 1
    const username = `user-${round}-${count}`
    await addUser(place, username)
    ledger.users.set(username, 'active')
    ledger.count('account')
    if (chance.next() < 0.5) await disable(place, ledger, username)
  }
}

async function disable(place: Place, ledger: Ledger, username: string): Promise<void> {
  ledger.users.delete(username)
  const answer = await admin(place, 'POST', `/users/${username}/disable`)
  if (answer.status !== 200) throw new Error(`not disabled: ${answer.status} ${answer.text}`)
  ledger.users.set(username, 'disabled')
  ledger.count('disabling')
}

/** Opens a session once, then calls one tool after another. */
function caller({ place, ledger }: Workload, grant: HeldGrant, tools: readonly string[]): () => Promise<void> {
  const send = connectionTo(place)
  const url = `${place.origin}/mcp/${grant.server}`
  let session: Record<string, string> | null = null
  let calls = 0
  return async () => {
    if (session === null) {
      const opened = await initialize(send, url, grant.accessToken)
      const id = opened.headers.get('mcp-session-id')
      if (id === null) throw new Error(`no session: ${opened.status} ${await opened.text()}`)
      session = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' }
      await post(send, url, grant.accessToken, { jsonrpc: '2.0', method: 'notifications/initialized' }, session)
    }
    const tool = tools[calls % tools.length] ?? ''
    calls += 1
    const params = { name: tool, arguments: argumentsFor(tool, calls) }
    const message = { jsonrpc: '2.0', id: calls, method: 'tools/call', params }
    const answer = await post(send, url, grant.accessToken, message, session)
    const text = await answer.text()
    const requestId = answer.headers.get('x-request-id')
    if (answer.status !== 200 || requestId === null) throw new Error(`not answered: ${answer.status} ${text}`)
    ledger.answered.push({ requestId, tool, isError: text.includes('"isError":true') || text.includes('"error"') })
    ledger.count(grant.server === 'memory' ? 'call of a process' : 'call')
  }
}

function argumentsFor(tool: string, number: number): object {
  return tool === 'create_entities'
    ? { entities: [{ name: `entity ${number}`, entityType: 'thing', observations: [] }] }
    : {}
}

async function rest(chance: Chance): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, chance.between(1, 40)))
}

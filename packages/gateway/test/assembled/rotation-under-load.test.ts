import { decodeProtectedHeader } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { addUser, admin } from '../support/gateway-process.ts'
import { type ReplicaProcesses, startReplicaProcesses } from '../support/replica-processes.ts'
import { fetchThrough, type IssuedTokens, initialize, logInScripted, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/** Two replicas under load renew their key twice, and one of them is killed in between. Expected: nobody with a good token is turned away. */
let upstream: ScriptedUpstream
let processes: ReplicaProcesses

beforeEach(async () => {
  upstream = await startScriptedUpstream(() => false)
  processes = await startReplicaProcesses(
    `signingKeys: { publishAheadSeconds: 2 }\nservers:\n  notes: { http: { url: '${upstream.url}', network: loopback } }\n`,
  )
})
afterEach(async () => {
  await processes.remove()
  await upstream.close()
})

const CLIENTS = 4
const ROUNDS_MAX = 5_000

it('no good token is refused through two rotations and a kill between', async () => {
  const { places } = processes
  const [one, two] = places
  const { origin } = one
  const person = await addUser(one, 'alice')
  const endpoint = (name: string) => `${origin}/oauth/${name}`
  const endpoints = { authorize: endpoint('authorize'), token: endpoint('token'), register: endpoint('register') }
  const resource = `${origin}/mcp/notes`
  const sends = places.map(({ port }) => fetchThrough({ port, ca: null }))
  const sendOf = (turn: number) => sends[turn % sends.length] ?? fetch

  let isOver = false
  const kids = new Set<string | undefined>()
  const refused: string[] = []
  let calls = 0

  /** Calls in turn at both with the token it has, and renews it now and then. What a killed gateway does not answer is asked again. */
  const work = async (tokens: IssuedTokens) => {
    let { access_token: access, refresh_token: renewal = '' } = tokens
    for (let round = 0; round < ROUNDS_MAX && !isOver; round += 1) {
      try {
        kids.add(decodeProtectedHeader(access).kid)
        const answer = await initialize(sendOf(round), resource, access)
        const text = await answer.text()
        calls += 1
        if (answer.status === 401) refused.push(text)
        if (round % 5 !== 4) continue
        const form = { grant_type: 'refresh_token', refresh_token: renewal, client_id: tokens.clientId }
        // Through the one that is not killed: a refresh that is lost on its way is another story.
        const renewed = await requestToken(sendOf(1), endpoints.token, form)
        if (renewed.status !== 200) throw new Error(`not renewed: ${await renewed.text()}`)
        const body = (await renewed.json()) as { access_token: string; refresh_token: string }
        access = body.access_token
        renewal = body.refresh_token
      } catch (cause) {
        if (cause instanceof Error && cause.message.startsWith('not renewed')) throw cause
      }
    }
  }
  const people = []
  for (let client = 0; client < CLIENTS; client += 1)
    people.push(await logInScripted(sendOf(0), endpoints, person, { resource, scope: 'notes:read' }))
  const working = people.map(work)

  const active = async () => {
    const { items } = JSON.parse((await admin(two, 'GET', '/signing-keys')).text) as {
      items: { kid: string; status: string }[]
    }
    return items.find(({ status }) => status === 'active')?.kid
  }
  const rotate = async (turn: number) => {
    const before = await active()
    expect((await admin(places[turn] ?? two, 'POST', '/signing-keys/rotate', {})).status).toBe(200)
    await eventually(async () => expect(await active()).not.toBe(before))
    const after = await active()
    await eventually(() => expect(kids.has(after)).toBe(true))
  }
  await rotate(0)
  processes.first.child.kill('SIGKILL')
  await processes.first.exit
  await processes.restartFirst()
  await rotate(1)
  isOver = true
  await Promise.all(working)
  expect(refused).toEqual([])
  expect(kids.size).toBeGreaterThanOrEqual(3)
  expect(calls).toBeGreaterThan(50)
}, 90_000)

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { KeyMismatch } from '#keys/claimed-key.ts'
import type { Person } from '../e2e/support/authorize.ts'
import { eventually } from '../support/eventually.ts'
import { openPlace } from '../support/postgres/place.ts'
import { portOf, type Replicas, startReplicas } from '../support/replicas.ts'
import { fetchThrough, type IssuedTokens, initialize, logInScripted, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import type { WholeGateway } from '../support/whole-gateway.ts'

let upstream: ScriptedUpstream
let replicas: Replicas
let person: Person

beforeEach(async () => {
  upstream = await startScriptedUpstream(() => false)
  replicas = await startReplicas(2, `servers:\n  notes: { http: { url: '${upstream.url}', network: loopback } }\n`)
  person = await first().addUser('alice')
})
afterEach(async () => {
  await replicas.close()
  await upstream.close()
})

const nth = (index: number): WholeGateway => {
  const gateway = replicas.all[index]
  if (gateway === undefined) throw new Error('no such replica')
  return gateway
}
const first = () => nth(0)
const second = () => nth(1)
const sendTo = (gateway: WholeGateway) => fetchThrough({ port: portOf(replicas, gateway), ca: null })

/** As a load balancer without any stickiness: each request goes to the next. */
function sendInTurn(): typeof fetch {
  let turn = 0
  return (input, init) => {
    turn += 1
    return sendTo(nth(turn % replicas.all.length))(input, init)
  }
}

function logIn(send: typeof fetch): Promise<IssuedTokens> {
  const { origin } = replicas
  const endpoints = {
    authorize: `${origin}/oauth/authorize`,
    token: `${origin}/oauth/token`,
    register: `${origin}/oauth/register`,
  }
  return logInScripted(send, endpoints, person, { resource: `${origin}/mcp/notes`, scope: 'notes:read notes:write' })
}

async function knock(gateway: WholeGateway, tokens: IssuedTokens): Promise<number> {
  const answer = await initialize(sendTo(gateway), `${replicas.origin}/mcp/notes`, tokens.access_token)
  await answer.text()
  return answer.status
}

function refresh(send: typeof fetch, tokens: IssuedTokens): Promise<Response> {
  return requestToken(send, `${replicas.origin}/oauth/token`, {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token ?? '',
    client_id: tokens.clientId,
  })
}

it('one authorization may wander: each of its requests goes to another gateway, and all of them honour the token', async () => {
  const tokens = await logIn(sendInTurn())
  for (const gateway of replicas.all) expect(await knock(gateway, tokens)).toBe(200)
  const refreshed = await refresh(sendTo(second()), tokens)
  expect(refreshed.status).toBe(200)
})

it('what is revoked at one is refused at the other, once that has heard of it', async () => {
  for (const revoke of [
    (tokens: IssuedTokens) => first().admin('DELETE', `/grants/${String(decodeJwt(tokens.access_token)['gid'])}`),
    () => first().admin('POST', '/users/alice/disable'),
  ]) {
    const tokens = await logIn(sendInTurn())
    expect(await knock(second(), tokens)).toBe(200)
    const revoked = await revoke(tokens)
    expect(revoked.status, revoked.text).toBeLessThan(300)
    expect(await knock(first(), tokens)).toBe(401)
    await eventually(async () => expect(await knock(second(), tokens)).toBe(401))
    expect((await refresh(sendTo(second()), tokens)).status).toBe(400)
  }
})

it('one refresh token used at both at once is used once: both get the same tokens, and the family lives', async () => {
  const tokens = await logIn(sendInTurn())
  const answers = await Promise.all(replicas.all.map((gateway) => refresh(sendTo(gateway), tokens)))
  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  const [one, two] = await Promise.all(answers.map((answer) => answer.text()))
  expect(two).toBe(one)
  for (const gateway of replicas.all) expect(await knock(gateway, tokens)).toBe(200)
})

it('there is one log: any of them shows and verifies it, whoever leads', async () => {
  const tokens = await logIn(sendInTurn())
  for (const gateway of replicas.all) await knock(gateway, tokens)
  const verified = await Promise.all(replicas.all.map((gateway) => gateway.admin('GET', '/log/verification')))
  for (const { text } of verified) expect(JSON.parse(text)).toMatchObject({ isWhole: true, fault: null })
  const starts = (await second().log()).filter(({ activity, reason }) => activity === 'system.start' && reason === null)
  expect(starts).toHaveLength(2)
  // The first goes, with the lead; the log goes on.
  await first().gateway.close()
  await second().addUser('bob')
  const after = await second().admin('GET', '/log/verification')
  expect(JSON.parse(after.text)).toMatchObject({ isWhole: true, fault: null })
  expect((await second().log()).map(({ activity }) => activity)).toContain('system.stop')
})

it('of two administrators who change what they saw, at two gateways at once, one is told that it changed', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { headers } = await first().admin('GET', '/users/alice')
    const seen = { 'if-match': String(headers['etag']) }
    const answers = await Promise.all(
      replicas.all.map((gateway, index) =>
        gateway.admin('PUT', '/users/alice/roles', { roles: [index === 0 ? 'operator' : 'auditor', 'user'] }, seen),
      ),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.toSorted(), answers.map(({ text }) => text).join()).toEqual([200, 412])
    await first().admin('PUT', '/users/alice/roles', { roles: ['user'] })
  }
})

it('a gateway with other keys is told which it needs, and leaves the store as it was', async () => {
  const before = await second().exportLog()
  for (const [name, other] of [
    ['sealing', 'sealing.key'],
    ['checkpoint', 'checkpoint.key'],
  ] as const) {
    const right = await Promise.all(
      ['sealing.key', 'checkpoint.key'].map(
        async (key) => [key, await readFile(join(first().folder, 'var', 'keys', key))] as const,
      ),
    )
    const keys = Object.fromEntries(right)
    const refused = replicas.add({ ...keys, [other]: Buffer.alloc(32, 7) })
    await expect(refused).rejects.toThrow(KeyMismatch)
    await expect(replicas.add({ ...keys, [other]: Buffer.alloc(32, 7) })).rejects.toThrow(
      `another ${name} key than that of this state folder`,
    )
  }
  // Without any, none is made in their place.
  await expect(replicas.add({})).rejects.toThrow('a sealing key that is not in this state folder')
  const after = await second().exportLog()
  expect(after.startsWith(before.split('\n').slice(0, 3).join('\n'))).toBe(true)
  expect(JSON.parse((await second().admin('GET', '/log/verification')).text)).toMatchObject({ isWhole: true })
})

it('those that stop in order leave nothing to settle', async () => {
  const tokens = await logIn(sendInTurn())
  expect(await knock(second(), tokens)).toBe(200)
  const known = async () => {
    const store = await openPlace(replicas.place)
    const found = await store.replicas.list(DEFAULT_TENANT)
    await store.close()
    return found.map(({ state }) => state)
  }
  expect(await known()).toEqual(['alive', 'alive'])
  await second().gateway.close()
  expect(await known()).toEqual(['alive'])
  await first().gateway.close()
  expect(await known()).toEqual([])
})

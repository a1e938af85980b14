import { afterEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import type { EngineOperation } from '#store/ports/engine.ts'
import type { Store } from '#store/ports/store.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  pkce,
  redeem,
  refresh,
  startAuthorizationServer,
  type TokenAnswer,
} from '../support/authorization-server.ts'
import { OAuthBrowser } from '../support/oauth-browser.ts'

type Kind = EngineOperation['kind']

describe('two requests that both read before either writes', () => {
  let server: AuthorizationServerUnderTest
  let beforeCommit: (operations: readonly EngineOperation[], store: Store) => Promise<void>
  const committed: EngineOperation[] = []

  const wrapStore = (store: Store): Store => ({
    ...store,
    engine: {
      ...store.engine,
      commit: async (tenant, operations, audit) => {
        await beforeCommit(operations, store)
        committed.push(...operations)
        return store.engine.commit(tenant, operations, audit)
      },
    },
  })

  async function start(): Promise<void> {
    beforeCommit = async () => undefined
    committed.length = 0
    server = await startAuthorizationServer({ wrapStore })
  }
  afterEach(() => server.close())

  /** Holds every commit with such an operation until `count` of them wait. */
  function meet(count: number, kind: Kind): void {
    let release: () => void
    const all = new Promise<void>((resolve) => {
      release = resolve
    })
    let waiting = 0
    beforeCommit = async (operations) => {
      if (!operations.some((operation) => operation.kind === kind)) return
      waiting += 1
      if (waiting === count) release()
      await all
    }
  }

  async function causes(): Promise<(string | null)[]> {
    const grants = await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })
    return grants.items.map(({ revokedCause }) => revokedCause)
  }

  const statuses = (answers: readonly TokenAnswer[]) => answers.map(({ status }) => status).sort()

  it('one code: one of them loses at the commit, and the grant dies', async () => {
    await start()
    const { code, verifier } = await authorize(server)
    meet(2, 'consume')
    const answers = await Promise.all([redeem(server, code, verifier), redeem(server, code, verifier)])
    expect(statuses(answers)).toEqual([200, 400])
    expect(await causes()).toEqual(['codeReplayed'])
    expect(server.events.filter(({ reason }) => reason === 'codeReplayed')).toHaveLength(1)
  })

  it('one refresh token: one of them loses at the commit, gets the other’s answer, and the family lives', async () => {
    await start()
    const { code, verifier } = await authorize(server)
    const { body } = await redeem(server, code, verifier)
    const token = String(body['refresh_token'])
    meet(2, 'consume')
    const [one, two] = await Promise.all([refresh(server, token), refresh(server, token)])
    expect(one?.status).toBe(200)
    expect(two).toEqual(one)
    expect(await causes()).toEqual([null])
    beforeCommit = async () => undefined
    expect(await refresh(server, String(one?.body['refresh_token']))).toMatchObject({ status: 200 })
  })

  it('a grant revoked while its token is made: nothing is issued, and nobody is called a thief', async () => {
    await start()
    const { code, verifier } = await authorize(server)
    beforeCommit = async (operations, store) => {
      const live = operations.find((operation) => operation.kind === 'requireLiveGrant')
      if (live) await store.grants.revoke(DEFAULT_TENANT, { grantId: live.grantId }, 'operator', live.at, [])
    }
    expect(await redeem(server, code, verifier)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(await causes()).toEqual(['operator'])
    expect(server.events.at(-1)).toMatchObject({ outcome: 'refused', reason: 'grantRevoked' })
  })

  it('a grant revoked while its code is made: no code leaves', async () => {
    await start()
    beforeCommit = async (operations, store) => {
      const live = operations.find((operation) => operation.kind === 'requireLiveGrant')
      if (live) await store.grants.revoke(DEFAULT_TENANT, { grantId: live.grantId }, 'operator', live.at, [])
    }
    const end = await new OAuthBrowser(server.url).follow(authorizeUrl(server.url, pkce().challenge))
    if ('left' in end) throw new Error(`redirected to ${end.left.href}`)
    expect(end.answer.status).toBe(400)
    expect(end.answer.text).toContain('Start again')
    expect(JSON.stringify(end.answer.headers)).not.toContain('code=')
  })

  it('no refresh token of a family outlives its grant or half of its time unused, however often it was rotated', async () => {
    await start()
    const { code, verifier } = await authorize(server)
    let { body } = await redeem(server, code, verifier)
    for (let rotation = 0; rotation < 3; rotation += 1)
      ({ body } = await refresh(server, String(body['refresh_token'])))
    const [grant] = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items
    const expiries = committed.flatMap((operation) =>
      operation.kind === 'upsert' && operation.document.model === 'RefreshToken' ? [operation.document.expiresAt] : [],
    )
    expect(expiries).toHaveLength(4)
    // Configured are four hours, which is less than what reading has: two of them unused.
    const createdAt = grant?.createdAt ?? 0
    for (const expiry of expiries) expect(Math.abs((expiry ?? 0) - createdAt - 7_200)).toBeLessThanOrEqual(2)
    expect((grant?.expiresAt ?? 0) - createdAt).toBe(14_400)
  })

  it('an account that is not active any more gets nothing, whatever else the store still holds', async () => {
    let isDisabled = false
    beforeCommit = async () => undefined
    server = await startAuthorizationServer({
      wrapStore: (store) => ({
        ...store,
        accounts: {
          ...store.accounts,
          find: async (tenant, subject) => {
            const account = await store.accounts.find(tenant, subject)
            return account === null || !isDisabled ? account : { ...account, status: 'disabled' }
          },
        },
      }),
    })
    const browser = new OAuthBrowser(server.url)
    const first = await authorize(server, { browser })
    const { body } = await redeem(server, first.code, first.verifier)
    const second = await authorize(server, { browser })
    isDisabled = true
    expect(await redeem(server, second.code, second.verifier)).toMatchObject({ status: 400 })
    expect(await refresh(server, String(body['refresh_token']))).toMatchObject({ status: 400 })
    expect(server.events.slice(-2).map(({ reason }) => reason)).toEqual(['accountNotActive', 'accountNotActive'])
    expect((await browser.get(authorizeUrl(server.url, pkce().challenge))).headers.location).toMatch(/^\/login\//)
  })
})

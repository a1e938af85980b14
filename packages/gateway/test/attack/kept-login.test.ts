import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asClientId, DEFAULT_TENANT } from '#core/ids.ts'
import type { EngineOperation } from '#store/ports/engine.ts'
import type { Store } from '#store/ports/store.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  pkce,
  redeem,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { OAuthBrowser } from '../support/oauth-browser.ts'

/**
 * The attacker knows the old password or sits in an old session, and keeps a request under way while the owner ends both. The store
 * lets the owner in between what a request read and what it writes.
 */
describe('a login that its owner ends', () => {
  let server: AuthorizationServerUnderTest
  let raw: Store
  let beforeCommit: (operations: readonly EngineOperation[]) => Promise<void>

  beforeEach(async () => {
    beforeCommit = async () => undefined
    server = await startAuthorizationServer({
      wrapStore: (store) => {
        raw = store
        return {
          ...store,
          engine: {
            ...store.engine,
            commit: async (tenant, operations, audit) => {
              await beforeCommit(operations)
              return store.engine.commit(tenant, operations, audit)
            },
          },
        }
      },
    })
  })
  afterEach(() => server.close())

  const endings = [
    ['by a new password', () => changePassword()],
    ['by disabling the account for a moment', () => disableForAMoment()],
  ] as const

  async function changePassword(): Promise<void> {
    await raw.accounts.setPassword(DEFAULT_TENANT, server.subject, `new-${Math.random()}`, now(), [])
  }

  async function disableForAMoment(): Promise<void> {
    await raw.accounts.setStatus(DEFAULT_TENANT, server.subject, 'disabled', now(), [])
    await raw.accounts.setStatus(DEFAULT_TENANT, server.subject, 'active', now(), [])
  }

  /** Runs `change` once, before the first commit that writes a document of this model or has an operation of this kind. */
  function duringCommitOf(what: string, change: () => Promise<void>): void {
    beforeCommit = async (operations) => {
      const isIt = (operation: EngineOperation) =>
        operation.kind === what || ('document' in operation && operation.document.model === what)
      if (!operations.some(isIt)) return
      beforeCommit = async () => undefined
      await change()
    }
  }

  async function promptsOfNextAuthorization(browser: OAuthBrowser): Promise<string[]> {
    server.shown.length = 0
    await authorize(server, { browser })
    return server.shown.map(({ prompt }) => prompt)
  }

  /** Goes as far as the consent; answers where the browser was sent next. */
  async function untilConsented(browser: OAuthBrowser): Promise<string> {
    let at = authorizeUrl(server.url, pkce().challenge)
    for (let step = 0; step < 4; step += 1) at = (await browser.get(at)).headers.location ?? ''
    return at
  }

  async function liveGrants(): Promise<number> {
    const page = { cursor: null, limit: 50 }
    return (await raw.grants.list(DEFAULT_TENANT, { liveAt: now() }, page)).items.length
  }

  it.each(endings)('%s stays ended although an authorization request is under way', async (_, end) => {
    const browser = new OAuthBrowser(server.url)
    await authorize(server, { browser })
    duringCommitOf('Session', end)
    const answer = await browser.get(authorizeUrl(server.url, pkce().challenge))
    // Not an error for an honest browser: it is asked to log in, as if the request had come a moment later.
    expect(answer.headers.location).toMatch(/^\/login\//)
    expect(await promptsOfNextAuthorization(browser)).toEqual(['login', 'consent'])
  })

  it.each(endings)('%s takes a login with it that was made and not yet used', async (_, end) => {
    const browser = new OAuthBrowser(server.url)
    const login = (await browser.get(authorizeUrl(server.url, pkce().challenge))).headers.location ?? ''
    const resume = (await browser.get(login)).headers.location ?? ''
    expect(resume).toContain('/oauth/authorize/')
    await end()
    const resumed = await browser.get(resume)
    expect(resumed.status).toBe(400)
    expect(resumed.headers.location).toBeUndefined()
    expect(await promptsOfNextAuthorization(browser)).toEqual(['login', 'consent'])
  })

  it('by a new password is not undone by a login whose old password was checked just before', async () => {
    const browser = new OAuthBrowser(server.url)
    const login = (await browser.get(authorizeUrl(server.url, pkce().challenge))).headers.location ?? ''
    duringCommitOf('Interaction', changePassword)
    const answer = await browser.get(login)
    expect(answer.status).toBe(400)
    expect(server.events.at(-1)).toMatchObject({ activity: 'login', outcome: 'refused', reason: 'accountChanged' })
    expect(await promptsOfNextAuthorization(browser)).toEqual(['login', 'consent'])
  })

  it.each(endings)('%s is not undone by a resumed login under way', async (_, end) => {
    const browser = new OAuthBrowser(server.url)
    const login = (await browser.get(authorizeUrl(server.url, pkce().challenge))).headers.location ?? ''
    const resume = (await browser.get(login)).headers.location ?? ''
    duringCommitOf('Session', end)
    const resumed = await browser.get(resume)
    expect(resumed.status).toBe(400)
    expect(await promptsOfNextAuthorization(browser)).toEqual(['login', 'consent'])
  })

  it.each(endings)('%s leaves no grant behind from a consent under way', async (_, end) => {
    const browser = new OAuthBrowser(server.url)
    duringCommitOf('openGrant', end)
    const ended = await browser.follow(authorizeUrl(server.url, pkce().challenge))
    if ('left' in ended) throw new Error(`redirected to ${ended.left.href}`)
    expect(ended.answer.status).toBe(400)
    expect(await liveGrants()).toBe(0)
    expect(
      server.events.filter(({ activity, outcome }) => activity === 'consent' && outcome === 'refused'),
    ).toHaveLength(1)
  })

  it.each(endings)('%s between consent and token leaves nothing to redeem', async (_, end) => {
    const { code, verifier } = await authorize(server)
    await end()
    expect(await redeem(server, code, verifier)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(await liveGrants()).toBe(0)
  })

  it('a client removed between consent and resume gets no code', async () => {
    const browser = new OAuthBrowser(server.url)
    const resume = await untilConsented(browser)
    expect(await liveGrants()).toBe(1)
    const clientId = server.shown[0]?.clientId ?? asClientId('none')
    await raw.grants.revoke(DEFAULT_TENANT, { clientId }, 'clientRemoved', now(), [])
    const resumed = await browser.get(resume)
    expect(resumed.status).toBe(400)
    expect(resumed.headers.location).toBeUndefined()
    expect(await liveGrants()).toBe(0)
  })

  it.each([
    ['denied', {}, { deny: true }],
    ['allowed', { deny: true }, {}],
  ] as const)('a form posted twice tells both posts what was decided first: %s', async (decision, late, early) => {
    const browser = new OAuthBrowser(server.url)
    let consent = authorizeUrl(server.url, pkce().challenge)
    for (let step = 0; step < 3; step += 1) consent = (await browser.get(consent)).headers.location ?? ''
    server.person = late
    duringCommitOf('InteractionDecision', async () => {
      server.person = early
      await browser.get(consent)
    })
    await browser.get(consent)
    expect(server.decided).toEqual([decision, decision])
    expect(await liveGrants()).toBe(decision === 'allowed' ? 1 : 0)
    expect(server.events.filter(({ reason }) => reason === 'duplicate')).toHaveLength(1)
  })

  it('one consent gives one code, however often its browser comes back at once', async () => {
    const browser = new OAuthBrowser(server.url)
    const resume = await untilConsented(browser)
    let waiting = 0
    let release = () => {}
    const all = new Promise<void>((resolve) => {
      release = resolve
    })
    beforeCommit = async (operations) => {
      if (!operations.some((operation) => 'document' in operation && operation.document.model === 'AuthorizationCode'))
        return
      waiting += 1
      if (waiting === 2) release()
      await all
    }
    const answers = await Promise.all([browser.get(resume), browser.get(resume)])
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 400])
    expect(answers.filter(({ headers }) => headers.location?.includes('code='))).toHaveLength(1)
  })
})

function now(): number {
  return Math.floor(Date.now() / 1000)
}

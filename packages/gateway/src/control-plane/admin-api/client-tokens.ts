import { z } from 'zod'
import { ok, refused } from '#core/result.ts'
import { INITIAL_ACCESS_TOKEN_PREFIX, newApiKeyText } from '#identity/api-key-text.ts'
import type { InitialAccessToken } from '#store/ports/initial-access-tokens.ts'
import { adminError, notFound } from './errors.ts'
import { auditBase, NO_BODY, NOTHING, type Operation, operation } from './operation.ts'
import { isoTime, pageOf, pageQuery, toPageRequest } from './paging.ts'

const TOKEN_SECONDS_MIN = 60
const TOKEN_SECONDS_MAX = 90 * 24 * 3600
const USES_MAX = 10_000
/** Live tokens of a tenant. */
const TOKENS_MAX = 1_000

const tokenView = z.strictObject({
  tokenId: z.string(),
  name: z.string(),
  status: z.enum(['live', 'usedUp', 'expired', 'revoked']),
  uses: z.int(),
  usesMax: z.int(),
  createdAt: z.string(),
  createdBy: z.string(),
  expiresAt: z.string(),
  revokedAt: z.string().nullable(),
})
const tokenWithText = tokenView.extend({ token: z.string().describe('The token itself; never shown again.') })

export const clientTokenOperations: readonly Operation[] = [
  operation({
    id: 'clientTokens.list',
    method: 'GET',
    path: '/client-tokens',
    summary: 'Initial access tokens: who shows one registers clients without approval.',
    params: NOTHING,
    query: z.strictObject({
      ...pageQuery,
      all: z.enum(['true', 'false']).default('false').describe('Also those that are over.'),
    }),
    body: NO_BODY,
    answer: { status: 200, schema: pageOf(tokenView) },
    run: async ({ query }, { store, snapshots, clock }) => {
      const now = clock.nowSeconds()
      const page = await store.initialAccessTokens.list(
        snapshots.current().tenant,
        query.all === 'true' ? {} : { liveAt: now },
        toPageRequest(query),
      )
      const items = page.items.map((token) => viewOf(token, now))
      return ok({ kind: 'json', status: 200, body: { items, nextCursor: page.nextCursor } })
    },
  }),
  operation({
    id: 'clientTokens.create',
    method: 'POST',
    path: '/client-tokens',
    summary: 'Makes an initial access token, good for so many clients and until then. It is shown once.',
    params: NOTHING,
    query: NOTHING,
    body: z.strictObject({
      name: z.string().min(1).max(128),
      usesMax: z.int().min(1).max(USES_MAX).default(1),
      expiresInSeconds: z.int().min(TOKEN_SECONDS_MIN).max(TOKEN_SECONDS_MAX),
    }),
    answer: { status: 201, schema: tokenWithText },
    run: async ({ body }, context) => {
      const { store, snapshots, clock, random, audit, caller } = context
      const { tenant } = snapshots.current()
      const now = clock.nowSeconds()
      const { secretId: tokenId, hash, text } = newApiKeyText(random, INITIAL_ACCESS_TOKEN_PREFIX)
      const token = {
        tenant,
        tokenId,
        name: body.name,
        hash,
        usesMax: body.usesMax,
        createdAt: now,
        createdBy: caller.kind === 'token' ? caller.subject : caller.kind,
        expiresAt: now + body.expiresInSeconds,
      }
      const { usesMax, expiresAt } = token
      const entry = audit.entry({
        ...auditBase(context),
        activity: 'client.token.create',
        outcome: 'success',
        detail: { actor: caller.kind, target: tokenId, usesMax, expiresAt },
        personal: { name: body.name },
      })
      if ((await store.initialAccessTokens.create(token, TOKENS_MAX, [entry])) === 'full')
        return refused(adminError('tokensFull', `There are ${TOKENS_MAX} live tokens. Revoke some.`))
      const view = viewOf({ ...token, uses: 0, revokedAt: null }, now)
      return ok({ kind: 'json', status: 201, body: { ...view, token: text.reveal() } })
    },
  }),
  operation({
    id: 'clientTokens.revoke',
    method: 'DELETE',
    path: '/client-tokens/:token',
    summary: 'Revokes an initial access token. Clients that it let in stay.',
    params: z.strictObject({ token: z.string().min(1).max(64).describe('`tokenId` of the token.') }),
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: tokenView },
    run: async (input, context) => {
      const { store, snapshots, clock, audit } = context
      const { tenant } = snapshots.current()
      const { token: tokenId } = input.params
      const now = clock.nowSeconds()
      const entry = audit.entry({
        ...auditBase(context),
        activity: 'client.token.revoke',
        outcome: 'success',
        detail: { actor: context.caller.kind, target: tokenId },
      })
      const outcome = await store.initialAccessTokens.revoke(tenant, tokenId, now, [entry])
      if (outcome === 'notLive')
        return refused(adminError('tokenNotLive', 'This token is used up, expired or revoked already.'))
      const after = outcome === 'unknown' ? null : await store.initialAccessTokens.find(tenant, tokenId)
      return after === null ? refused(notFound('token')) : ok({ kind: 'json', status: 200, body: viewOf(after, now) })
    },
  }),
]

function viewOf(token: InitialAccessToken, now: number): z.output<typeof tokenView> {
  return {
    tokenId: token.tokenId,
    name: token.name,
    status: statusOf(token, now),
    uses: token.uses,
    usesMax: token.usesMax,
    createdAt: isoTime(token.createdAt),
    createdBy: token.createdBy,
    expiresAt: isoTime(token.expiresAt),
    revokedAt: token.revokedAt === null ? null : isoTime(token.revokedAt),
  }
}

function statusOf(token: InitialAccessToken, now: number): z.output<typeof tokenView>['status'] {
  if (token.revokedAt !== null) return 'revoked'
  if (token.uses >= token.usesMax) return 'usedUp'
  return token.expiresAt <= now ? 'expired' : 'live'
}

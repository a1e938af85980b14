import { z } from 'zod'
import { ok, refused } from '#core/result.ts'
import { DEFAULT_TOKEN_ALGORITHM, TOKEN_ALGORITHMS } from '#core/token-algorithms.ts'
import { dueAt } from '#keys/rotate-signing-keys.ts'
import type { StoredSigningKey } from '#store/ports/signing-keys.ts'
import { adminError } from './errors.ts'
import { auditBase, type Context, NO_BODY, NOTHING, type Operation, operation } from './operation.ts'
import { isoTime } from './paging.ts'

const keyView = z.strictObject({
  kid: z.string(),
  algorithm: z.string(),
  status: z.enum(['next', 'active', 'retiring']),
  publishedAt: z.string(),
  signsFrom: z.string().describe('When it began to sign, or will.'),
  retiredAt: z.string().nullable(),
})
const keySet = z.strictObject({ items: z.array(keyView) })

export const signingKeyOperations: readonly Operation[] = [
  operation({
    id: 'signingKeys.list',
    method: 'GET',
    path: '/signing-keys',
    summary: 'The keys that sign access tokens: published, in use, retiring.',
    params: NOTHING,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: keySet },
    run: async (_, context) => ok({ kind: 'json', status: 200, body: { items: await viewAll(context) } }),
  }),
  operation({
    id: 'signingKeys.rotate',
    method: 'POST',
    path: '/signing-keys/rotate',
    summary: 'Lets the next key sign as soon as it has been published for long enough, or at once.',
    params: NOTHING,
    query: NOTHING,
    body: z.strictObject({
      algorithm: z.enum(TOKEN_ALGORITHMS).default(DEFAULT_TOKEN_ALGORITHM),
      isCompromised: z
        .boolean()
        .default(false)
        .describe('The key in use is deleted at once, and with it every token that it signed.'),
    }),
    answer: { status: 200, schema: keySet },
    run: async ({ body: { algorithm, isCompromised } }, context) => {
      const { store, snapshots, clock } = context
      const { tenant } = snapshots.current()
      const keys = (await store.signingKeys.list(tenant, 'accessToken')).filter((key) => key.algorithm === algorithm)
      const active = keys.find(({ status }) => status === 'active')
      const next = keys.find(({ status }) => status === 'next')
      if (active === undefined || next === undefined)
        return refused(
          adminError(
            'signingKeyMissing',
            `No ${algorithm} key stands ready. The gateway makes one while it runs; try again.`,
          ),
        )
      const at = clock.nowSeconds()
      const audit = (reason: string, { kid }: StoredSigningKey) => entry(context, reason, kid, algorithm)
      const isDone = isCompromised
        ? await store.signingKeys.withdraw(tenant, { active: active.kid, next: next.kid, at }, [
            audit('withdrawn', active),
            audit('activated', next),
          ])
        : await store.signingKeys.makeDue(tenant, next.kid, at, [audit('requested', next)])
      if (!isDone) return refused(adminError('signingKeysChanged', 'The keys changed meanwhile. Look at them again.'))
      return ok({ kind: 'json', status: 200, body: { items: await viewAll(context) } })
    },
  }),
]

function entry(context: Context, reason: string, kid: string, algorithm: string) {
  return context.audit.entry({
    ...auditBase(context),
    activity: 'signingKey.change',
    outcome: 'success',
    reason,
    detail: { actor: context.caller.kind, kid, algorithm },
  })
}

async function viewAll({ store, snapshots }: Context): Promise<z.output<typeof keyView>[]> {
  const { tenant, signing } = snapshots.current()
  const keys = await store.signingKeys.list(tenant, 'accessToken')
  return keys.map((key) => {
    const active = keys.find(({ algorithm, status }) => algorithm === key.algorithm && status === 'active')
    const ready = key.createdAt + signing.publishAheadSeconds
    const waits = key.status === 'next' && active !== undefined ? Math.max(ready, dueAt(active, key, signing)) : null
    return {
      kid: key.kid,
      algorithm: key.algorithm,
      status: key.status,
      publishedAt: isoTime(key.createdAt),
      signsFrom: isoTime(waits ?? key.activatedAt ?? key.createdAt),
      retiredAt: key.retiredAt === null ? null : isoTime(key.retiredAt),
    }
  })
}

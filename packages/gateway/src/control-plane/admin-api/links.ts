import { z } from 'zod'
import { ok, refused } from '#core/result.ts'
import type { AccountLink } from '#store/ports/account-links.ts'
import { adminError, notFound } from './errors.ts'
import { auditBase, NO_BODY, NOTHING, type Operation, operation } from './operation.ts'
import { isoTime } from './paging.ts'
import { findAccount } from './users.ts'

const params = z.strictObject({ user: z.string().min(1).max(64).describe('Username or subject.') })
const identity = z.strictObject({
  issuer: z.string().min(1).max(2_048).describe('`iss` of the identity provider, byte for byte.'),
  subject: z.string().min(1).max(256).describe('`sub` at that provider, byte for byte.'),
})
const linkView = identity.extend({ linkedAt: z.string(), linkedBy: z.enum(['operator', 'email', 'provider']) })
const links = z.strictObject({ items: z.array(linkView) })

/** Who an account is at the identity providers whose assertions are taken. */
export const linkOperations: readonly Operation[] = [
  operation({
    id: 'users.links',
    method: 'GET',
    path: '/users/:user/links',
    summary: 'Who the account is at identity providers.',
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: links },
    run: async (input, context) => {
      const account = await findAccount(input.params.user, context)
      if (account === null) return refused(notFound('user'))
      const found = await context.store.accountLinks.list(account.tenant, account.subject)
      return ok({ kind: 'json', status: 200, body: { items: found.map(viewOf) } })
    },
  }),
  operation({
    id: 'users.link',
    method: 'POST',
    path: '/users/:user/links',
    summary: 'Says who the account is at an identity provider.',
    params,
    query: NOTHING,
    body: identity,
    answer: { status: 201, schema: linkView },
    run: async (input, context) => {
      const account = await findAccount(input.params.user, context)
      if (account === null) return refused(notFound('user'))
      const link: AccountLink = {
        tenant: account.tenant,
        issuer: input.body.issuer,
        externalSubject: input.body.subject,
        subject: account.subject,
        linkedAt: context.clock.nowSeconds(),
        linkedBy: 'operator',
      }
      const entry = context.audit.entry({
        ...auditBase(context),
        activity: 'account.change',
        outcome: 'success',
        detail: { actor: context.caller.kind, target: account.subject, change: 'link', issuer: link.issuer },
        personal: { externalSubject: link.externalSubject },
      })
      const outcome = await context.store.accountLinks.link(link, { onlyFirst: false }, [entry])
      if (outcome === 'linked') return ok({ kind: 'json', status: 201, body: viewOf(link) })
      return outcome === 'taken'
        ? refused(adminError('linkTaken', 'This identity is another account already. Unlink it there first.'))
        : refused(adminError('userDisabled', 'The account is disabled.'))
    },
  }),
  operation({
    id: 'users.unlink',
    method: 'POST',
    path: '/users/:user/links/remove',
    summary: 'Takes it back. Tokens that are out end by themselves; revoke the grants to end them now.',
    params,
    query: NOTHING,
    body: identity,
    answer: { status: 200, schema: links },
    run: async (input, context) => {
      const account = await findAccount(input.params.user, context)
      if (account === null) return refused(notFound('user'))
      const { tenant, subject } = account
      const link = { issuer: input.body.issuer, externalSubject: input.body.subject, subject }
      const entry = context.audit.entry({
        ...auditBase(context),
        activity: 'account.change',
        outcome: 'success',
        detail: { actor: context.caller.kind, target: subject, change: 'unlink', issuer: link.issuer },
        personal: { externalSubject: link.externalSubject },
      })
      const outcome = await context.store.accountLinks.unlink(tenant, link, [entry])
      if (outcome === 'unknown') return refused(notFound('link'))
      const left = await context.store.accountLinks.list(tenant, subject)
      return ok({ kind: 'json', status: 200, body: { items: left.map(viewOf) } })
    },
  }),
]

function viewOf({ issuer, externalSubject, linkedAt, linkedBy }: AccountLink): z.output<typeof linkView> {
  return { issuer, subject: externalSubject, linkedAt: isoTime(linkedAt), linkedBy }
}

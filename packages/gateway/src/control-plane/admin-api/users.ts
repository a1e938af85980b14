import { z } from 'zod'
import { asSubjectId } from '#core/ids.ts'
import { randomToken, uuidv7 } from '#core/random.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { hashPassword } from '#identity/password-hash.ts'
import {
  checkNewPassword,
  PASSWORD_CHARACTERS_MIN,
  type PasswordProblem,
  USERNAME_PATTERN,
} from '#identity/password-rules.ts'
import type { Account } from '#store/ports/accounts.ts'
import { type AdminError, adminError, notFound } from './errors.ts'
import { checkIfMatch, etagOf } from './etag.ts'
import { type Answer, auditBase, type Context, NO_BODY, NOTHING, type Operation, operation } from './operation.ts'
import { isoTime, pageOf, pageQuery, toPageRequest } from './paging.ts'

const ROLES_MAX = 20
/** 144 bits, 24 characters: read once, typed once. */
const GENERATED_PASSWORD_BYTES = 18
/** Role of an account that was given none. */
const DEFAULT_ROLE = 'user'
const UUID_PATTERN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const userView = z.strictObject({
  subject: z.string(),
  username: z.string(),
  displayName: z.string(),
  roles: z.array(z.string()),
  status: z.enum(['active', 'disabled']),
  createdAt: z.string(),
  passwordChangedAt: z.string(),
})
const userWithPassword = userView.extend({
  password: z.string().optional().describe('Only when it was generated; never shown again.'),
})
const params = z.strictObject({ user: z.string().min(1).max(64).describe('Username or subject.') })
const roles = z.array(z.string().min(1).max(63)).max(ROLES_MAX)
const password = z.string().min(1).max(1_024)

export const userOperations: readonly Operation[] = [
  operation({
    id: 'users.list',
    method: 'GET',
    path: '/users',
    summary: 'Accounts, by username.',
    params: NOTHING,
    query: z.strictObject(pageQuery),
    body: NO_BODY,
    answer: { status: 200, schema: pageOf(userView) },
    run: async ({ query }, { store, snapshots }) => {
      const page = await store.accounts.list(snapshots.current().tenant, toPageRequest(query))
      return ok({
        kind: 'json',
        status: 200,
        body: { items: page.items.map(viewOf), nextCursor: page.nextCursor },
      })
    },
  }),
  operation({
    id: 'users.show',
    method: 'GET',
    path: '/users/:user',
    summary: 'One account.',
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: userView },
    run: async (input, context) => {
      const account = await findAccount(input.params.user, context)
      return account === null ? refused(notFound('user')) : ok(answerWith(account))
    },
  }),
  operation({
    id: 'users.create',
    method: 'POST',
    path: '/users',
    summary: 'Opens an account. Without a password one is generated and shown once.',
    params: NOTHING,
    query: NOTHING,
    body: z.strictObject({
      username: z
        .string()
        .regex(USERNAME_PATTERN, 'must be 1 to 64 of a-z, 0-9 and . _ @ -')
        // A username that reads like a subject could be taken for another account.
        .refine((name) => !UUID_PATTERN.test(name), 'must not look like a subject id'),
      displayName: z.string().min(1).max(128).optional(),
      password: password.optional(),
      roles: roles.default([DEFAULT_ROLE]),
    }),
    answer: { status: 201, schema: userWithPassword },
    run: async ({ body }, context) => {
      const { store, snapshots, clock, random, audit } = context
      const snapshot = snapshots.current()
      const unknownRole = checkRoles(body.roles, snapshot)
      if (unknownRole !== null) return refused(unknownRole)
      const chosen = choosePassword(body.password, body.username, context)
      if (!chosen.ok) return chosen
      const now = clock.nowSeconds()
      const account: Account = {
        tenant: snapshot.tenant,
        subject: asSubjectId(uuidv7(random, clock.nowMs())),
        username: body.username,
        displayName: body.displayName ?? body.username,
        passwordHash: await hashPassword(chosen.value.password, random),
        roles: [...new Set(body.roles)],
        status: 'active',
        createdAt: now,
        passwordChangedAt: now,
      }
      const entry = audit.entry({
        ...auditBase(context),
        activity: 'account.create',
        outcome: 'success',
        detail: { actor: context.caller.kind, target: account.subject, roles: account.roles.join(' ') },
        personal: { username: account.username },
      })
      const created = await store.accounts.create(account, [entry])
      if (created === 'usernameTaken') return refused(adminError('usernameTaken', 'There is a user of that name.'))
      return ok(answerWith(account, 201, chosen.value.isGenerated ? chosen.value.password : null))
    },
  }),
  operation({
    id: 'users.setRoles',
    method: 'PUT',
    path: '/users/:user/roles',
    summary: 'Replaces the roles of an account. Takes effect on the next request.',
    params,
    query: NOTHING,
    body: z.strictObject({ roles }),
    answer: { status: 200, schema: userView },
    run: async (input, context) => {
      const next = [...new Set(input.body.roles)]
      const unknownRole = checkRoles(next, context.snapshots.current())
      if (unknownRole !== null) return refused(unknownRole)
      return changeAccount(input, context, { change: 'roles', roles: next.join(' ') }, (account, entry) =>
        context.store.accounts.setRoles(account.tenant, account.subject, next, context.clock.nowSeconds(), [entry]),
      )
    },
  }),
  statusOperation(
    'users.disable',
    'disable',
    'disabled',
    'Ends every login and grant of the account and lets nobody in.',
  ),
  statusOperation('users.enable', 'enable', 'active', 'Lets a disabled account log in again.'),
  operation({
    id: 'users.resetFactors',
    method: 'POST',
    path: '/users/:user/reset-factors',
    summary:
      'Takes away authenticator app, passkeys and recovery codes, for somebody who has lost them. Ends their logins at our pages.',
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: z.strictObject({ hadFactors: z.boolean() }) },
    run: async (input, context) => {
      const account = await findAccount(input.params.user, context)
      if (account === null) return refused(notFound('user'))
      const { tenant, subject } = account
      const entry = context.audit.entry({
        ...auditBase(context),
        activity: 'account.change',
        outcome: 'success',
        reason: 'secondFactorsReset',
        detail: { actor: context.caller.kind, target: subject, change: 'resetFactors' },
      })
      const hadFactors = await context.store.factors.reset(tenant, subject, [entry])
      return ok({ kind: 'json', status: 200, body: { hadFactors } })
    },
  }),
  operation({
    id: 'users.setPassword',
    method: 'POST',
    path: '/users/:user/password',
    summary: 'Sets a new password, or generates one that is shown once. Ends every login and grant of the account.',
    params,
    query: NOTHING,
    body: z.strictObject({ password: password.optional() }),
    answer: { status: 200, schema: userWithPassword },
    run: async (input, context) => {
      const account = await findAccount(input.params.user, context)
      if (account === null) return refused(notFound('user'))
      const chosen = choosePassword(input.body.password, account.username, context)
      if (!chosen.ok) return chosen
      const hash = await hashPassword(chosen.value.password, context.random)
      return changeAccount(
        input,
        context,
        { change: 'password' },
        ({ tenant, subject }, entry) =>
          context.store.accounts.setPassword(tenant, subject, hash, context.clock.nowSeconds(), [entry]),
        chosen.value.isGenerated ? chosen.value.password : null,
      )
    },
  }),
]

function statusOperation(
  id: 'users.disable' | 'users.enable',
  verb: string,
  status: Account['status'],
  summary: string,
): Operation {
  return operation({
    id,
    method: 'POST',
    path: `/users/:user/${verb}`,
    summary,
    params,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: userView },
    run: (input, context) =>
      changeAccount(input, context, { change: verb }, ({ tenant, subject }, entry) =>
        context.store.accounts.setStatus(tenant, subject, status, context.clock.nowSeconds(), [entry]),
      ),
  })
}

/** Finds, compares with If-Match, changes with its record in one transaction, and answers the account as it is then. */
async function changeAccount(
  input: { readonly params: { readonly user: string }; readonly ifMatch: string | null },
  context: Context,
  detail: Readonly<Record<string, string>>,
  change: (account: Account, entry: ReturnType<Context['audit']['entry']>) => Promise<'changed' | 'unknown'>,
  generatedPassword: string | null = null,
): Promise<Result<Answer, AdminError>> {
  const account = await findAccount(input.params.user, context)
  if (account === null) return refused(notFound('user'))
  const stale = checkIfMatch(input.ifMatch, etagOfAccount(account))
  if (stale !== null) return refused(stale)
  const entry = context.audit.entry({
    ...auditBase(context),
    activity: 'account.change',
    outcome: 'success',
    detail: { actor: context.caller.kind, target: account.subject, ...detail },
  })
  if ((await change(account, entry)) === 'unknown') return refused(notFound('user'))
  const after = await context.store.accounts.find(account.tenant, account.subject)
  return after === null ? refused(notFound('user')) : ok(answerWith(after, 200, generatedPassword))
}

/** By subject or username. With `own` access only the caller's own account exists. */
export async function findAccount(
  user: string,
  { store, snapshots, caller, access }: Context,
): Promise<Account | null> {
  const { tenant } = snapshots.current()
  const account = UUID_PATTERN.test(user)
    ? await store.accounts.find(tenant, asSubjectId(user))
    : await store.accounts.findByUsername(tenant, user.toLowerCase())
  if (account === null || access === 'all') return account
  return caller.kind === 'token' && caller.subject === account.subject ? account : null
}

function choosePassword(
  given: string | undefined,
  username: string,
  { random }: Context,
): Result<{ readonly password: string; readonly isGenerated: boolean }, AdminError> {
  if (given === undefined) return ok({ password: randomToken(random, GENERATED_PASSWORD_BYTES), isGenerated: true })
  const problem = checkNewPassword(given, username)
  return problem === null
    ? ok({ password: given, isGenerated: false })
    : refused(adminError('invalidInput', PASSWORD_PROBLEMS[problem]))
}

const PASSWORD_PROBLEMS: Readonly<Record<PasswordProblem, string>> = {
  tooShort: `The password is too short: at least ${PASSWORD_CHARACTERS_MIN} characters.`,
  tooLong: 'The password is too long.',
  tooCommon: 'The password is among the first that are guessed. Choose another.',
  holdsUsername: 'The password holds the username. Choose another.',
}

function checkRoles(roles: readonly string[], snapshot: Snapshot): AdminError | null {
  const unknown = roles.find((role) => !snapshot.roles.has(role))
  return unknown === undefined
    ? null
    : adminError('invalidInput', `There is no role of that name. Roles: ${[...snapshot.roles.keys()].join(', ')}.`)
}

function viewOf(account: Account): z.output<typeof userView> {
  return {
    subject: account.subject,
    username: account.username,
    displayName: account.displayName,
    roles: [...account.roles],
    status: account.status,
    createdAt: isoTime(account.createdAt),
    passwordChangedAt: isoTime(account.passwordChangedAt),
  }
}

function answerWith(account: Account, status: 200 | 201 = 200, generatedPassword: string | null = null): Answer {
  const body = { ...viewOf(account), ...(generatedPassword === null ? {} : { password: generatedPassword }) }
  return { kind: 'json', status, body, etag: etagOfAccount(account) }
}

function etagOfAccount(account: Account): string {
  // The hash of the password joins, so that two changes within one second differ; it does not leave in any form that helps.
  return etagOf(viewOf(account), account.passwordHash)
}

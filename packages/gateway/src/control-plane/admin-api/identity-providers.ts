import { z } from 'zod'
import { explanationOf } from '#audit/explanations.ts'
import { ok, refused } from '#core/result.ts'
import { adminError, notFound } from './errors.ts'
import { auditBase, NO_BODY, NOTHING, type Operation, operation } from './operation.ts'
import { isoTime } from './paging.ts'

const NOT_RUNNING = adminError('unavailable', 'Start the gateway first: the browser comes back to it.')

const resultView = z.strictObject({
  isLetIn: z.boolean(),
  reason: z.string().nullable().describe('Why not, as the log says it at real logins.'),
  meaning: z.string().nullable(),
  action: z.string().nullable(),
  said: z.string().nullable().describe('In the words of the provider, or of what speaks with it.'),
  claims: z.record(z.string(), z.unknown()).nullable().describe('Of the verified ID token; never a token.'),
  account: z
    .strictObject({
      username: z.string().nullable(),
      how: z.enum(['linked', 'linkedByAddress', 'opened']),
      roles: z.array(z.string()),
    })
    .nullable(),
  authentication: z
    .strictObject({ at: z.string().nullable(), amr: z.array(z.string()), isMultiFactor: z.boolean() })
    .nullable(),
})

export const identityProviderOperations: readonly Operation[] = [
  operation({
    id: 'identityProviders.test',
    method: 'POST',
    path: '/identity-providers/:provider/test',
    summary: 'Begins a login at an identity provider that logs nobody in, to see what would come of it.',
    params: z.strictObject({ provider: z.string().max(64) }),
    query: NOTHING,
    body: NO_BODY,
    answer: {
      status: 201,
      schema: z.strictObject({ testId: z.string(), url: z.string(), redirectUri: z.string() }),
    },
    run: async ({ params: { provider } }, context) => {
      if (context.identityTests === null) return refused(NOT_RUNNING)
      const begun = await context.identityTests.begin(provider)
      if (!begun.ok && begun.refusal.kind === 'unknown') return refused(notFound('identity provider'))
      await context.audit.record({
        ...auditBase(context),
        activity: 'provider.test',
        outcome: begun.ok ? 'success' : 'failed',
        reason: begun.ok ? 'begun' : 'providerUnreachable',
        detail: { actor: context.caller.kind, provider },
      })
      if (begun.ok) return ok({ kind: 'json', status: 201, body: begun.value })
      const said = begun.refusal.kind === 'unreachable' ? begun.refusal.said : null
      const why = explanationOf('providerUnreachable', 'login')
      const words = [why?.meaning, said === null ? null : `What was found: ${said}.`, why?.action].filter(
        (word) => word,
      )
      return refused(adminError('providerUnreachable', words.join(' ')))
    },
  }),
  operation({
    id: 'identityProviders.testResult',
    method: 'GET',
    path: '/identity-provider-tests/:test',
    summary: 'What came of it; null until somebody has logged in there.',
    params: z.strictObject({ test: z.string().max(64) }),
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: z.strictObject({ provider: z.string(), result: resultView.nullable() }) },
    run: async ({ params: { test: testId } }, { identityTests }) => {
      if (identityTests === null) return refused(NOT_RUNNING)
      const test = await identityTests.look(testId)
      if (test === null) return refused(notFound('test, or none any more'))
      const { provider, result } = test
      if (result === null) return ok({ kind: 'json', status: 200, body: { provider, result } })
      const { reason, said, claims, account, authentication } = result
      const explanation = reason === null ? null : explanationOf(reason, 'login')
      const body = {
        provider,
        result: {
          isLetIn: reason === null,
          reason,
          meaning: explanation?.meaning ?? null,
          action: explanation?.action ?? null,
          said,
          claims,
          account,
          authentication:
            authentication === null
              ? null
              : { ...authentication, at: authentication.at === null ? null : isoTime(authentication.at) },
        },
      }
      return ok({ kind: 'json', status: 200, body })
    },
  }),
]

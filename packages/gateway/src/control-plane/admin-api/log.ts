import { z } from 'zod'
import { ok, refused } from '#core/result.ts'
import { notFound } from './errors.ts'
import type { LogFilter } from './log-operations.ts'
import { auditBase, type Context, NO_BODY, NOTHING, type Operation, operation } from './operation.ts'
import { pageOf, pageQuery, toPageRequest } from './paging.ts'

const WORD_CHARS_MAX = 2_048

const recordView = z.strictObject({
  position: z.int().nullable(),
  id: z.string(),
  time: z.string(),
  activity: z.string(),
  outcome: z.string(),
  reason: z.string().nullable(),
  requestId: z.string().nullable(),
  subject: z.string().nullable(),
  clientId: z.string().nullable(),
  grantId: z.string().nullable(),
  server: z.string().nullable(),
  tool: z.string().nullable(),
  method: z.string().nullable(),
  meaning: z.string().nullable().describe('What it means, in words.'),
  action: z.string().nullable().describe('What to do about it.'),
})
const word = z.string().min(1).max(WORD_CHARS_MAX).optional()
const time = z.iso.datetime({ offset: true }).optional()

export const logOperations: readonly Operation[] = [
  operation({
    id: 'log.show',
    method: 'GET',
    path: '/log',
    summary: 'Audit records, newest first. A page may end early with a cursor when few records match.',
    params: NOTHING,
    query: z.strictObject({
      ...pageQuery,
      activity: word,
      outcome: z.enum(['success', 'refused', 'failed', 'unknown']).optional(),
      reason: word,
      subject: word,
      clientId: word,
      grantId: word,
      server: word,
      tool: word,
      requestId: word,
      since: time.describe('Inclusive.'),
      until: time.describe('Exclusive.'),
    }),
    body: NO_BODY,
    answer: { status: 200, schema: pageOf(recordView) },
    run: async ({ query }, context) => {
      await recordRead(context, 'log.show')
      const { cursor, limit, since, until, ...words } = query
      const filter: LogFilter = {
        ...withoutUndefined(words),
        ...(since === undefined ? {} : { sinceMs: Date.parse(since) }),
        ...(until === undefined ? {} : { untilMs: Date.parse(until) }),
      }
      const page = await context.logOperations.show(filter, toPageRequest({ cursor, limit }))
      return ok({ kind: 'json', status: 200, body: page })
    },
  }),
  operation({
    id: 'log.explain',
    method: 'GET',
    path: '/log/requests/:request',
    summary: 'Everything recorded under one request id, what it means and what to do.',
    params: z.strictObject({ request: z.string().min(1).max(128) }),
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: z.strictObject({ records: z.array(recordView) }) },
    run: async ({ params }, context) => {
      await recordRead(context, 'log.explain')
      const records = await context.logOperations.explain(params.request)
      return records.length === 0
        ? refused(notFound('request in the log'))
        : ok({ kind: 'json', status: 200, body: { records } })
    },
  }),
  operation({
    id: 'log.verify',
    method: 'GET',
    path: '/log/verification',
    summary: 'Checks the whole log against its signed checkpoints.',
    params: NOTHING,
    query: NOTHING,
    body: NO_BODY,
    answer: {
      status: 200,
      schema: z.strictObject({
        isWhole: z.boolean(),
        records: z.int(),
        checkpoints: z.int(),
        vouchedFor: z.int().describe('Records that the last good checkpoint covers.'),
        fault: z.string().nullable(),
        verifierKey: z.string(),
      }),
    },
    run: async (_input, context) => {
      await recordRead(context, 'log.verify')
      return ok({ kind: 'json', status: 200, body: await context.logOperations.verify() })
    },
  }),
  operation({
    id: 'log.export',
    method: 'GET',
    path: '/log/export',
    summary: 'The whole log as one JSON object a line, to be checked elsewhere.',
    params: NOTHING,
    query: NOTHING,
    body: NO_BODY,
    answer: {
      status: 200,
      isLines: true,
      schema: z.union([
        z.strictObject({ type: z.literal('record'), position: z.int(), leaf: z.string(), body: z.string() }),
        z.strictObject({ type: z.literal('checkpoint'), note: z.string() }),
      ]),
    },
    run: async (_input, context) => {
      await recordRead(context, 'log.export')
      return ok({ kind: 'lines', lines: context.logOperations.export() })
    },
  }),
  operation({
    id: 'log.checkpoint',
    method: 'GET',
    path: '/log/checkpoint',
    summary: 'The newest signed checkpoint and the key that verifies it.',
    params: NOTHING,
    query: NOTHING,
    body: NO_BODY,
    answer: {
      status: 200,
      schema: z.strictObject({ size: z.int(), note: z.string().nullable(), verifierKey: z.string() }),
    },
    run: async (_input, context) => {
      await recordRead(context, 'log.checkpoint')
      return ok({ kind: 'json', status: 200, body: await context.logOperations.checkpoint() })
    },
  }),
]

/** Reading the log is itself recorded, before anything is shown. */
async function recordRead(context: Context, operationId: string): Promise<void> {
  await context.audit.record({
    ...auditBase(context),
    activity: 'log.read',
    outcome: 'success',
    detail: { actor: context.caller.kind, operation: operationId },
  })
}

function withoutUndefined<T extends Record<string, string | undefined>>(fields: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string
  } // entries of T whose value is not undefined
}
